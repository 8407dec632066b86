"""A histogram of the lengths of rows, with a line at the maximum length that can be dragged."""

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.desktop.language import localize, tr
from app.style import theme
from app.widgets.focus_ring import is_from_keyboard

LENGTH_STEP = 8  # tokens: the line is at a multiple of this
_MIN_LENGTH = 8
_BAR_COUNT = 60
_SKEWED = 12  # the longest row has so many times the median length: then the axis is logarithmic
_END_FACTOR = 1.12  # the axis ends so many times beyond the longest row
_TOP, _BOTTOM, _SIDE = 34, 26, 16  # margins in pixels


class Histogram(QWidget):
    """Lengths as bars. `moved(limit)` while the line is dragged, `chosen(limit)` at its end or when keys move it."""

    moved = Signal(int)
    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.limit = 2048
        self._lengths: Any = ()
        self._bars: list[tuple[float, float, int]] = []  # (first length, end, rows)
        self._is_log = False  # whether each doubling of the length gets the same width
        self._end = 1.0
        self.empty_text = ""
        self._is_dragging = self._draws_ring = False
        self.setMinimumHeight(120)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Lengths of the rows in tokens; the arrow keys move the maximum"))

    def show_lengths(self, lengths: Any, limit: int) -> None:
        """Show lengths in tokens (a NumPy array) and the maximum."""
        self._lengths, self.limit, self.empty_text = lengths, limit, ""
        self._build_bars()
        self.update()

    def show_empty(self, text: str) -> None:
        """Show a text while there are no lengths to draw."""
        self._lengths, self._bars, self.empty_text = (), [], text
        self.update()

    def show_limit(self, limit: int) -> None:
        """Move the line to a maximum length."""
        self.limit = limit
        self.update()

    def length_to_x(self, length: float) -> float:
        """The x of a length, in pixels from the left; lengths beyond the end of the axis are at the right edge."""
        share = min(1.0, max(0.0, self._scale(length) / self._scale(self._end)))
        return _SIDE + share * self._width()

    def x_to_length(self, x: float) -> int:
        """The length at an x, rounded to a multiple of LENGTH_STEP."""
        share = min(1.0, max(0.0, (x - _SIDE) / self._width()))
        tokens = 2 ** (share * self._scale(self._end)) - 1 if self._is_log else share * self._end
        return max(_MIN_LENGTH, round(tokens / LENGTH_STEP) * LENGTH_STEP)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._bars:
            self._is_dragging = True
            self._move(self.x_to_length(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        is_near = abs(event.position().x() - self.length_to_x(self.limit)) < 8
        self.setCursor(Qt.CursorShape.SplitHCursor if is_near or self._is_dragging else Qt.CursorShape.ArrowCursor)
        if self._is_dragging:
            self._move(self.x_to_length(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._is_dragging:
            self._is_dragging = False
            self.chosen.emit(self.limit)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -LENGTH_STEP, Qt.Key.Key_Right: LENGTH_STEP}
        factors = {Qt.Key.Key_PageDown: 0.5, Qt.Key.Key_PageUp: 2.0}
        key = Qt.Key(event.key())
        if key in steps:
            limit = self.limit + steps[key]
        elif key in factors:
            limit = round(self.limit * factors[key] / LENGTH_STEP) * LENGTH_STEP
        else:
            super().keyPressEvent(event)
            return
        self._move(max(_MIN_LENGTH, limit))
        self.chosen.emit(self.limit)

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._draws_ring = event.type() == QEvent.Type.FocusIn and is_from_keyboard(event.reason())  # type: ignore[attr-defined]
            self.update()
        return super().event(event)

    def _move(self, limit: int) -> None:
        if limit != self.limit:
            self.limit = limit
            self.moved.emit(limit)
            self.update()

    def _width(self) -> float:
        return max(1.0, self.width() - 2 * _SIDE)

    def _scale(self, length: float) -> float:
        return math.log2(length + 1) if self._is_log else length

    def _build_bars(self) -> None:
        """Count the lengths in bars. On a linear axis a few very long rows would press all others into one bar."""
        import numpy as np

        self._bars = []
        if not len(self._lengths):
            return
        longest, median = float(self._lengths.max()), float(np.median(self._lengths))
        self._is_log = longest > _SKEWED * max(1.0, median)
        self._end = max(4 * LENGTH_STEP, longest * _END_FACTOR)
        if self._is_log:
            edges = 2 ** np.linspace(0, math.log2(self._end + 1), _BAR_COUNT + 1) - 1
        else:
            edges = np.arange(0, self._end + 1, max(1, math.ceil(self._end / _BAR_COUNT)))
            edges = np.append(edges, self._end) if edges[-1] < self._end else edges
        counts, edges = np.histogram(self._lengths, edges)
        self._bars = [(float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)]

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._draws_ring:
            painter.setPen(theme.ring(colours))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), 6, 6)
        if not self._bars:
            painter.setPen(colours.secondary)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(24, 0, -24, 0), int(flags), self.empty_text)
            return
        base = self.height() - _BOTTOM
        self._paint_bars(painter, colours, base)
        self._paint_axis(painter, colours, base)
        self._paint_line(painter, colours, base)

    def _paint_bars(self, painter: QPainter, colours: theme.Colours, base: float) -> None:
        highest = max(n for _, _, n in self._bars)
        line = self.length_to_x(self.limit)
        painter.setPen(Qt.PenStyle.NoPen)
        for start, end, n in self._bars:
            if not n:
                continue
            x_start, x_end = self.length_to_x(start), self.length_to_x(end)
            height = max(2.0, (base - _TOP) * n / highest)
            painter.setBrush(
                theme.mix(colours.bad, colours.base, 0.25)
                if x_start >= line - 0.5
                else theme.parse_colour(colours.series[0])
            )
            painter.drawRect(QRectF(x_start + 0.5, base - height, max(1.5, x_end - x_start - 1), height))

    def _paint_axis(self, painter: QPainter, colours: theme.Colours, base: float) -> None:
        painter.setPen(theme.mix(colours.text, colours.base, 0.7))
        painter.drawLine(QPointF(_SIDE, base), QPointF(self.width() - _SIDE, base))
        painter.setFont(theme.font("caption", figures=True))
        painter.setPen(colours.secondary)
        free_from_x = -1e9  # the first x at which another label has room
        for tick in ticks(self._end, self._is_log):
            text, x = localize(f"{tick:,}"), self.length_to_x(tick)
            width = painter.fontMetrics().horizontalAdvance(text)
            x_text = min(max(x - width / 2, 2), self.width() - width - 2)
            if x_text > free_from_x:
                painter.drawText(QPointF(x_text, base + 17), text)
                free_from_x = x_text + width + 14

    def _paint_line(self, painter: QPainter, colours: theme.Colours, base: float) -> None:
        x = self.length_to_x(self.limit)
        is_beyond = self.limit > self._end
        painter.setPen(QPen(colours.accent_text, 2, Qt.PenStyle.DashLine if is_beyond else Qt.PenStyle.SolidLine))
        painter.drawLine(QPointF(x, _TOP - 8), QPointF(x, base))
        text = tr("Maximum {limit:,}", limit=self.limit) + (" →" if is_beyond else "")
        painter.setFont(theme.font("caption", bold=True, figures=True))
        width = painter.fontMetrics().horizontalAdvance(text) + 16
        label = QRectF(min(max(x - width / 2, 1), self.width() - width - 1), 3, width, _TOP - 12)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.accent)
        painter.drawRoundedRect(label, 6, 6)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(label, int(Qt.AlignmentFlag.AlignCenter), text)


def ticks(end: float, is_log: bool) -> Sequence[int]:
    """Round lengths from 0 to the end of the axis; on a logarithmic one, powers of two."""
    if is_log:
        return [0, *(2**n for n in range(3, int(math.log2(end)) + 1))]
    rough = end / 8
    size: float = 10 ** math.floor(math.log10(rough))
    step = max(1, int(next(size * n for n in (1, 2, 2.5, 5, 10) if size * n >= rough)))
    return list(range(0, int(end) + 1, step))
