"""The box of a combo box whose text can be written as well."""

from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from app.widgets.combo_box import ComboBox


def outline(menu: ComboBox, x: int) -> QColor:
    """The colour in the middle of the height, `x` pixels from the left."""
    return menu.grab().toImage().pixelColor(x, menu.height() // 2)


def test_the_field_for_own_text_leaves_the_outline_whole(qtbot: QtBot) -> None:
    plain, editable = ComboBox("plain"), ComboBox("editable")
    editable.setEditable(True)
    for menu in (plain, editable):
        qtbot.addWidget(menu)
        menu.addItems(["–", "messages"])
        menu.resize(160, 30)
        menu.show()
    assert [outline(editable, x) for x in range(4)] == [outline(plain, x) for x in range(4)]
    field = editable.lineEdit()
    assert field is not None
    assert editable.rect().adjusted(4, 2, -20, -2).contains(field.geometry())
    editable.resize(220, 30)
    assert field.geometry().right() == 220 - 26 - 1
