"""A slider over a row of stops, of which some are marked as usual."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSlider

from app.style import theme

_RADIUS = 8  # of the handle
_TRACK = 4  # pixels high


class ZoneSlider(QSlider):
    """Its value is the number of a stop. The usual stops have a band in the accent. The wheel scrolls the page."""

    def __init__(self, name: str) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._zone: tuple[int, int] | None = None
        self.setAccessibleName(name)
        self.setPageStep(1)
        self.setMinimumHeight(28)

    def show_stops(self, count: int, zone: tuple[int, int] | None) -> None:
        """Offer so many stops; `zone` are the first and the last usual one."""
        self.setRange(0, count - 1)
        self._zone = zone
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 28)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The handle goes to where the press is, whatever a style would do."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._go_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go_to(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def _go_to(self, x: float) -> None:
        left, right = self._x(self.minimum()), self._x(self.maximum())
        share = (x - left) / max(1.0, right - left)
        self.setValue(round(self.minimum() + share * (self.maximum() - self.minimum())))

    def _x(self, stop: float) -> float:
        span = max(1, self.maximum() - self.minimum())
        return _RADIUS + 2 + (stop - self.minimum()) / span * (self.width() - 2 * _RADIUS - 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        accent = c.accent if self.isEnabled() else theme.mix(c.text, c.window, 0.7)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.mix(c.text, c.base, 0.75))
        track = QRectF(self._x(self.minimum()), middle - _TRACK / 2, 0, _TRACK)
        track.setRight(self._x(self.maximum()))
        painter.drawRoundedRect(track, 2, 2)
        if self._zone:
            painter.setBrush(theme.mix(accent, c.base, 0.35))
            first, last = (self._x(stop) for stop in self._zone)
            painter.drawRoundedRect(QRectF(first - 5, middle - 5, last - first + 10, 10), 5, 5)
        painter.setBrush(accent)
        painter.setPen(QPen(c.base, 2))
        x = self._x(self.sliderPosition())
        painter.drawEllipse(QRectF(x - _RADIUS, middle - _RADIUS, 2 * _RADIUS, 2 * _RADIUS))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.ring(c))
            painter.drawEllipse(QRectF(x - _RADIUS - 1, middle - _RADIUS - 1, 2 * _RADIUS + 2, 2 * _RADIUS + 2))
