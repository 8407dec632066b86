"""A thin progress bar."""

import math
import time

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QProgressBar

from app.style import theme


class ThinProgressBar(QProgressBar):
    """Shows a share from 0 to 1; for None, where the share is not known, a piece moves to and fro."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setFixedHeight(6)
        self.setAccessibleName(name)
        self.setRange(0, 1000)
        self._timer = QTimer(self, interval=50)
        self._timer.timeout.connect(self.update)

    def show_share(self, share: float | None) -> None:
        """Show a share from 0 to 1, or None where it is not known."""
        self.setRange(0, 0 if share is None else 1000)
        if share is not None:
            self.setValue(round(share * 1000))
        self._update_timer()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._update_timer()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.mix(colours.text, colours.window, 0.86))
        box = QRectF(self.rect())
        painter.drawRoundedRect(box, 3, 3)
        painter.setBrush(colours.accent)
        if self.maximum() == 0:
            piece = box.width() * 0.25
            x = (box.width() - piece) * (0.5 - 0.5 * math.cos(time.monotonic() * 2.2))
            painter.drawRoundedRect(QRectF(x, 0, piece, box.height()), 3, 3)
        elif self.value() > 0:
            painter.drawRoundedRect(QRectF(0, 0, max(6.0, box.width() * self.value() / 1000), box.height()), 3, 3)

    def _update_timer(self) -> None:
        if self.maximum() == 0 and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()
