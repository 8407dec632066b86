"""A notice is there only while it has something to say."""

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.widgets.notice import Notice


def test_it_comes_with_its_message(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    notice = Notice()
    notice.setParent(page)
    page.show()
    assert notice.isHidden()
    notice.show_message("The file is empty.", "Choose another.", "bad")
    assert notice.isVisible() and notice.advice.isVisible()
    assert notice.accessibleName() == "Problem: The file is empty."
    notice.show_message("It was kept.", tone="good")
    assert notice.advice.isHidden() and notice.accessibleName() == "Done: It was kept."
