"""A check box and a slider that show the keyboard's focus as everything else does. A Mac draws its own ring."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QSlider, QWidget

from app.style import theme
from app.widgets.buttons import KEYBOARD_REASONS
from app.widgets.input_box import RADIUS


def paint_ring(widget: QWidget) -> None:
    """Paint the ring of the focus along the edge of a widget."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(theme.ring(theme.colours(theme.palette())))
    painter.drawRoundedRect(QRectF(widget.rect()).adjusted(1, 1, -1, -1), RADIUS, RADIUS)


class CheckBox(QCheckBox):
    """A check box with words beside it, or without any where it lies in a form."""

    _draws_ring = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._draws_ring = event.reason() in KEYBOARD_REASONS

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus() and self._draws_ring and not theme.NATIVE:
            paint_ring(self)


class Slider(QSlider):
    """A horizontal slider with an accessible name."""

    _draws_ring = False

    def __init__(self, name: str) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setAccessibleName(name)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._draws_ring = event.reason() in KEYBOARD_REASONS

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus() and self._draws_ring and not theme.NATIVE:
            paint_ring(self)
