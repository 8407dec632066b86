"""The field for a message is as high as what stands in it, up to six lines."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.widgets.message_edit import MessageEdit


def test_it_grows_with_its_lines_and_then_scrolls(qtbot: QtBot) -> None:
    field = MessageEdit("Message")
    qtbot.addWidget(field)
    field.resize(300, field.height())
    field.show()
    heights = []
    for count in (1, 3, 6, 9):
        field.setPlainText("\n".join("x" * count))
        heights.append(field.height())
        assert (field.verticalScrollBar().maximum() > 0) == (count > 6)  # else all of it is seen
    assert heights[0] < heights[1] < heights[2] == heights[3] and heights[2] < 6 * heights[0]


def test_return_sends_and_shift_return_begins_a_line(qtbot: QtBot) -> None:
    field = MessageEdit("Message")
    qtbot.addWidget(field)
    qtbot.keyClicks(field, "a")
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(field, "b")
    with qtbot.waitSignal(field.sent):
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "a\nb"
