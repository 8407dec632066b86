"""Cards, which group widgets in a rounded frame, and layouts on the 8-point grid."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.style import theme


class Card(QFrame):
    """A rounded frame in the palette's base colour; chosen, in the accent; with a tone, in a colour for a message."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen = False
        self._tone = ""
        self._dashed = False
        self._draws_ring = False

    def show_ring(self, shown: bool) -> None:
        """Draw the ring of the keyboard's focus, for the control in the card that has it."""
        self._draws_ring = shown
        self.update()

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
        colours = theme.colours(theme.palette())
        fill, outline, width = colours.base, colours.separator, 1.0
        if self._tone:
            outline = getattr(colours, self._tone)
            fill = theme.card_ground(colours, self._tone)
            outline = theme.mix(outline, fill, 0.45)
        if self._chosen:
            fill, outline, width = colours.tint, colours.accent, 2.0
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(outline, width)
        if self._dashed and not self._chosen:
            pen = QPen(theme.mix(colours.secondary, colours.base, 0.35), 1.5, Qt.PenStyle.CustomDashLine)
            pen.setDashPattern([4, 4])
        painter.setPen(pen)
        painter.setBrush(fill)
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), theme.RADIUS, theme.RADIUS)
        if self._draws_ring:  # within the outline, which may have its colour
            painter.setPen(theme.ring(colours))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(4, 4, -4, -4), theme.RADIUS - 3, theme.RADIUS - 3)


class Rule(QWidget):
    """A fine line between two columns."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.colours(theme.palette()).separator)


def vbox(parent: QWidget | None = None, margin: int = 0, gap: int = theme.GRID) -> QVBoxLayout:
    """A vertical layout on the 8-point grid."""
    layout = QVBoxLayout(parent) if parent else QVBoxLayout()
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(gap)
    return layout


def hbox(parent: QWidget | None = None, margin: int = 0, gap: int = theme.GRID) -> QHBoxLayout:
    """A horizontal layout on the 8-point grid."""
    layout = QHBoxLayout(parent) if parent else QHBoxLayout()
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(gap)
    return layout


def column(widget: QWidget) -> QHBoxLayout:
    """A widget at the left of its page, no wider than words and forms are anywhere."""
    widget.setMaximumWidth(theme.COLUMN)
    layout = hbox(gap=0)
    layout.addWidget(widget, 1)
    layout.addStretch()
    return layout


def card_around(content: QWidget, inset: int = 5) -> Card:
    """A card that is filled by a widget."""
    card = Card()
    layout = vbox(card, inset)
    layout.addWidget(content)
    return card
