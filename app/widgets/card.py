"""A card: a rounded ground with a hairline around it. Groups things without shouting."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.style import theme


class Card(QFrame):
    """A rounded frame in the palette's base colour. `chosen` draws it in the accent, `tone` in a warning colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen = False
        self._tone = ""
        self._dashed = False

    def set_chosen(self, chosen: bool) -> None:
        self._chosen = chosen
        self.update()

    def set_tone(self, tone: str) -> None:
        """ "" for an ordinary card, or "good", "warn", "bad", "accent"."""
        self._tone = tone
        self.update()

    def set_dashed(self, dashed: bool) -> None:
        self._dashed = dashed
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        ground, line, width = c.base, c.separator, 1.0
        if self._tone:
            line = getattr(c, self._tone)
            ground = theme.mix(line, c.base, 0.9)
            line = theme.mix(line, ground, 0.45)
        if self._chosen:
            ground, line, width = c.tint, c.accent, 2.0
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(line, width)
        if self._dashed and not self._chosen:
            pen = QPen(theme.mix(c.secondary, c.base, 0.35), 1.5, Qt.PenStyle.CustomDashLine)
            pen.setDashPattern([4, 4])
        painter.setPen(pen)
        painter.setBrush(ground)
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), theme.RADIUS, theme.RADIUS)


def column(parent: QWidget | None = None, margin: int = 0, gap: int = theme.GRID) -> QVBoxLayout:
    """A vertical layout on the 8-point grid."""
    layout = QVBoxLayout(parent) if parent else QVBoxLayout()
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(gap)
    return layout


def row(parent: QWidget | None = None, margin: int = 0, gap: int = theme.GRID) -> QHBoxLayout:
    """A horizontal layout on the 8-point grid."""
    layout = QHBoxLayout(parent) if parent else QHBoxLayout()
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(gap)
    return layout


def framed(inner: QWidget, inset: int = 5) -> Card:
    """A card around a widget that fills it."""
    card = Card()
    layout = column(card, inset)
    layout.addWidget(inner)
    return card
