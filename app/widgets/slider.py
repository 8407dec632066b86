"""A slider that looks as the sliders of the settings do, and shows the keyboard's focus as everything else does."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSlider, QStyle, QStyleOptionSlider

from app.style import theme
from app.widgets.focus_ring import FocusRing

_TRACK = 4  # pixels high
_HANDLE = 14  # pixels wide


class _Slider(QSlider):
    """Horizontal, filled up to its handle. A Mac draws its own."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        c = theme.colours(theme.palette())
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
        x = min(max(handle.center().x() + 0.5, _HANDLE / 2 + 1), self.width() - _HANDLE / 2 - 1)
        middle = self.height() / 2
        accent = c.accent if self.isEnabled() else theme.mix(c.text, c.window, 0.7)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for end, colour in ((self.width() - 4.0, theme.mix(c.text, c.base, 0.75)), (x, accent)):
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(4, middle - _TRACK / 2, end - 4, _TRACK), _TRACK / 2, _TRACK / 2)
        painter.setPen(QPen(c.base, 2))
        painter.drawEllipse(QRectF(x - _HANDLE / 2, middle - _HANDLE / 2, _HANDLE, _HANDLE))


class Slider(FocusRing, _Slider):
    """A horizontal slider with an accessible name."""

    def __init__(self, name: str) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setAccessibleName(name)
