"""What is made later comes before the stops that are to be last."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.tab_order import put_last


def test_stops_come_last_behind_what_takes_the_focus(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    layout = QVBoxLayout(page)
    first, stop, later, label = QPushButton(), QPushButton(), QPushButton(), QLabel("no focus")
    for widget in (first, stop, later, label):  # the label was made last, and takes no focus
        widget.setParent(page)
        layout.addWidget(widget)
    page.show()
    put_last([stop])
    first.setFocus()
    order = []
    for _ in range(3):
        order.append(page.focusWidget())
        qtbot.keyClick(page.focusWidget(), Qt.Key.Key_Tab)
    assert order == [first, later, stop]
