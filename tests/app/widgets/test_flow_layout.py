"""Widgets go on in the next line where the first has no room for them."""

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.widgets.flow_layout import FlowLayout


def make_row(qtbot: QtBot, *widths: int) -> tuple[QWidget, list[QWidget]]:
    row = QWidget()
    qtbot.addWidget(row)
    layout, parts = FlowLayout(row, gap=10), []
    for width in widths:
        part = QWidget()
        part.setFixedSize(width, 30)
        layout.addWidget(part)
        parts.append(part)
    return row, parts


def test_what_has_no_room_goes_into_the_next_line(qtbot: QtBot) -> None:
    row, parts = make_row(qtbot, 100, 100, 100)
    assert (row.sizeHint().width(), row.heightForWidth(320), row.heightForWidth(319)) == (320, 30, 70)
    assert row.minimumSizeHint().width() == 100
    row.resize(215, 110)
    row.show()
    assert [(part.x(), part.y()) for part in parts] == [(0, 0), (110, 0), (0, 40)]


def test_what_is_hidden_takes_no_room(qtbot: QtBot) -> None:
    row, parts = make_row(qtbot, 100, 100, 100)
    row.resize(320, 30)
    row.show()
    parts[0].hide()
    qtbot.waitUntil(lambda: parts[1].x() == 0)
    assert row.sizeHint().width() == 210 and row.heightForWidth(210) == 30
