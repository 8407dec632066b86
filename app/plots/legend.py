"""The legend of a chart: a piece of each curve beside its name."""

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.style import theme
from app.widgets.card import hbox
from app.widgets.labels import Label

LINE, FAINT, DOTS, BAND = "line", "faint", "dots", "band"  # kinds of strokes


class LegendEntry(NamedTuple):
    """One curve of a chart."""

    colour: int  # index into the palette's series
    stroke: str  # LINE, FAINT, DOTS or BAND
    words: str


class Stroke(QWidget):
    """A piece of a curve in its colour: a line, a faint line, a line with a dot, or a band."""

    def __init__(self, colour: int, kind: str = LINE) -> None:
        super().__init__()
        self._colour, self._kind = colour, kind
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(18, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme.parse_colour(c.series[self._colour % len(c.series)])
        if self._kind == BAND:
            colour.setAlpha(90)
            painter.fillRect(1, 2, 16, 8, colour)
            return
        if self._kind == FAINT:
            colour.setAlpha(150 if c.dark else 110)
        painter.setPen(QPen(colour, 1.2 if self._kind == FAINT else 2))
        painter.drawLine(1, 6, 17, 6)
        if self._kind == DOTS:
            painter.setBrush(colour)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(QRectF(5.5, 2.5, 7, 7))


class Legend(QWidget):
    """Strokes and names in a row."""

    def __init__(self, entries: Sequence[LegendEntry]) -> None:
        super().__init__()
        layout = hbox(self, gap=14)
        for entry in entries:
            pair = hbox(gap=6)
            pair.addWidget(Stroke(entry.colour, entry.stroke))
            pair.addWidget(Label(entry.words, "caption", tone="secondary", wrap=False))
            layout.addLayout(pair)
        layout.addStretch()
