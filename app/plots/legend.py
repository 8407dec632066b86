"""The key of a chart: a piece of each curve beside its name."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.style import theme
from app.widgets.card import row
from app.widgets.labels import Text

LINE, FAINT, DOTS, BAND = "line", "faint", "dots", "band"


class Stroke(QWidget):
    """A piece of a curve in its colour: a line, a faint one, one with a dot, or a band."""

    def __init__(self, place: int, kind: str = LINE) -> None:
        super().__init__()
        self._place, self._kind = place, kind
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(18, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme.named(c.series[self._place % len(c.series)])
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


class Key(QWidget):
    """Strokes and names in a row. Entries are (place of the colour, kind of stroke, words)."""

    def __init__(self, entries: list[tuple[int, str, str]]) -> None:
        super().__init__()
        layout = row(self, gap=14)
        for place, kind, words in entries:
            part = row(gap=6)
            part.addWidget(Stroke(place, kind))
            part.addWidget(Text(words, "caption", tone="secondary", wrap=False))
            layout.addLayout(part)
        layout.addStretch()
