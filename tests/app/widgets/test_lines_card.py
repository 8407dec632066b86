"""A card of lines: a hairline between those that are shown, and nowhere else."""

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.style import theme
from app.widgets.lines_card import LinesCard

HEIGHT = 20  # pixels of a line


def hairlines(card: LinesCard) -> list[int]:
    """Where they are drawn, in pixels from the top."""
    image = card.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    separator = theme.colours(theme.palette()).separator.rgb()
    return [y for y in range(5, image.height() - 5) if image.pixel(image.width() // 2, y) == separator]


def test_hairlines_stand_between_the_lines_that_are_shown(qtbot: QtBot) -> None:
    card = LinesCard()
    qtbot.addWidget(card)
    for _ in range(3):
        line = QWidget()
        line.setFixedHeight(HEIGHT)
        card.add(line)
    card.resize(200, 3 * HEIGHT)
    card.show()
    assert hairlines(card) == [HEIGHT, 2 * HEIGHT]
    card.lines[1].hide()
    QApplication.sendPostedEvents()  # its layout takes note
    card.resize(200, 2 * HEIGHT)
    assert hairlines(card) == [card.lines[2].y()]
