"""How many rows are how long, with a line for the longest that is allowed, to be dragged."""

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.style import theme
from app.widgets.buttons import BY_KEY

STEP = 8  # tokens from one place of the line to the next
_LEAST = 8
_BARS = 60
_SKEWED = 12  # times as long as the middle row: then lengths are drawn by their doublings
_ROOM = 1.12
_TOP, _BOTTOM, _SIDE = 34, 26, 16


class Histogram(QWidget):
    """Lengths as bars. `moved(most)` while the line is dragged, `chosen(most)` when it is let go or moved by keys."""

    moved = Signal(int)
    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.most = 2048
        self._lengths: Any = ()
        self._bars: list[tuple[float, float, int]] = []  # (from, to, rows)
        self._doublings = False
        self._end = 1.0
        self._empty = ""
        self._dragging = self._ring = False
        self.setMinimumHeight(120)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Lengths of the rows in tokens; the arrow keys move the maximum")

    def show_lengths(self, lengths: Any, most: int) -> None:
        """Show lengths in tokens (a NumPy array) and the maximum."""
        self._lengths, self.most, self._empty = lengths, most, ""
        self._count()
        self.update()

    def say_empty(self, words: str) -> None:
        """Words while there is nothing to draw."""
        self._lengths, self._bars, self._empty = (), [], words
        self.update()

    def show_most(self, most: int) -> None:
        self.most = most
        self.update()

    def place(self, length: float) -> float:
        """Where a length is drawn, in pixels from the left; what is longer than everything, at the right."""
        share = min(1.0, max(0.0, self._scale(length) / self._scale(self._end)))
        return _SIDE + share * self._width()

    def length(self, place: float) -> int:
        """The length at a place, in whole steps."""
        share = min(1.0, max(0.0, (place - _SIDE) / self._width()))
        tokens = 2 ** (share * self._scale(self._end)) - 1 if self._doublings else share * self._end
        return max(_LEAST, round(tokens / STEP) * STEP)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._bars:
            self._dragging = True
            self._move(self.length(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        near = abs(event.position().x() - self.place(self.most)) < 8
        self.setCursor(Qt.CursorShape.SplitHCursor if near or self._dragging else Qt.CursorShape.ArrowCursor)
        if self._dragging:
            self._move(self.length(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._dragging = False
            self.chosen.emit(self.most)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        near = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}
        far = {Qt.Key.Key_PageDown: 0.5, Qt.Key.Key_PageUp: 2.0}
        key = Qt.Key(event.key())
        if key in near:
            wanted = self.most + near[key]
        elif key in far:
            wanted = round(self.most * far[key] / STEP) * STEP
        else:
            super().keyPressEvent(event)
            return
        self._move(max(_LEAST, wanted))
        self.chosen.emit(self.most)

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._ring = event.type() == QEvent.Type.FocusIn and event.reason() in BY_KEY  # type: ignore[attr-defined]
            self.update()
        return super().event(event)

    def _move(self, most: int) -> None:
        if most != self.most:
            self.most = most
            self.moved.emit(most)
            self.update()

    def _width(self) -> float:
        return max(1.0, self.width() - 2 * _SIDE)

    def _scale(self, length: float) -> float:
        return math.log2(length + 1) if self._doublings else length

    def _count(self) -> None:
        """Lengths to bars. Few very long rows would press all others into one bar: then each doubling gets as much."""
        import numpy as np

        self._bars = []
        if not len(self._lengths):
            return
        longest, middle = float(self._lengths.max()), float(np.median(self._lengths))
        self._doublings = longest > _SKEWED * max(1.0, middle)
        self._end = max(4 * STEP, longest * _ROOM)
        if self._doublings:
            edges = 2 ** np.linspace(0, math.log2(self._end + 1), _BARS + 1) - 1
        else:
            edges = np.arange(0, self._end + 1, max(1, math.ceil(self._end / _BARS)))
            edges = np.append(edges, self._end) if edges[-1] < self._end else edges
        counts, edges = np.histogram(self._lengths, edges)
        self._bars = [(float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)]

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._ring:
            painter.setPen(QPen(c.accent_text, 1.6))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), 6, 6)
        if not self._bars:
            painter.setPen(c.secondary)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(24, 0, -24, 0), int(flags), self._empty)
            return
        base = self.height() - _BOTTOM
        self._paint_bars(painter, c, base)
        self._paint_axis(painter, c, base)
        self._paint_line(painter, c, base)

    def _paint_bars(self, painter: QPainter, c: theme.Colours, base: float) -> None:
        highest = max(n for _, _, n in self._bars)
        line = self.place(self.most)
        painter.setPen(Qt.PenStyle.NoPen)
        for start, end, n in self._bars:
            if not n:
                continue
            left, right = self.place(start), self.place(end)
            height = max(2.0, (base - _TOP) * n / highest)
            painter.setBrush(theme.mix(c.bad, c.base, 0.25) if left >= line - 0.5 else theme.named(c.series[0]))
            painter.drawRect(QRectF(left + 0.5, base - height, max(1.5, right - left - 1), height))

    def _paint_axis(self, painter: QPainter, c: theme.Colours, base: float) -> None:
        painter.setPen(theme.mix(c.text, c.base, 0.7))
        painter.drawLine(QPointF(_SIDE, base), QPointF(self.width() - _SIDE, base))
        painter.setFont(theme.font("caption", figures=True))
        painter.setPen(c.secondary)
        free = -1e9
        for tick in ticks(self._end, self._doublings):
            words, x = f"{tick:,}", self.place(tick)
            room = painter.fontMetrics().horizontalAdvance(words)
            left = min(max(x - room / 2, 2), self.width() - room - 2)
            if left > free:
                painter.drawText(QPointF(left, base + 17), words)
                free = left + room + 14

    def _paint_line(self, painter: QPainter, c: theme.Colours, base: float) -> None:
        x = self.place(self.most)
        beyond = self.most > self._end
        painter.setPen(QPen(c.accent_text, 2, Qt.PenStyle.DashLine if beyond else Qt.PenStyle.SolidLine))
        painter.drawLine(QPointF(x, _TOP - 8), QPointF(x, base))
        words = f"Maximum {self.most:,}" + (" →" if beyond else "")
        painter.setFont(theme.font("caption", bold=True, figures=True))
        room = painter.fontMetrics().horizontalAdvance(words) + 16
        left = min(max(x - room / 2, 1), self.width() - room - 1)
        label = QRectF(left, 3, room, _TOP - 12)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(c.accent)
        painter.drawRoundedRect(label, 6, 6)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(label, int(Qt.AlignmentFlag.AlignCenter), words)


def ticks(end: float, doublings: bool) -> Sequence[int]:
    """Round lengths from 0 to the end of the axis."""
    if doublings:
        return [0, *(2**n for n in range(3, int(math.log2(end)) + 1))]
    rough = end / 8
    size: float = 10 ** math.floor(math.log10(rough))
    step = max(1, int(next(size * n for n in (1, 2, 2.5, 5, 10) if size * n >= rough)))
    return list(range(0, int(end) + 1, step))
