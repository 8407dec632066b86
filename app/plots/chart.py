"""The base class of all charts: the window's colours, a faint grid, and a sentence while there is nothing to draw."""

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QWheelEvent

from app.desktop.language import localize
from app.plots.axes import STEP, X_TITLES, PlainAxis, convert_steps
from app.plots.crosshair import Crosshair
from app.plots.decimate import MAX_POINTS, thin
from app.runs.numbers import format_plain
from app.runs.record import RunRecord
from app.style import theme

pg.setConfigOptions(antialias=True, foreground="k", background="w")

_PAINT_MS = 20  # after the curves have changed


class Chart(pg.PlotWidget):  # type: ignore[misc, unused-ignore]
    """One plot. It emits `range_moved` when a person zooms or drags; live drawing then leaves the range alone."""

    range_moved = Signal()

    def __init__(self, name: str, small: bool = False, is_share: bool = False) -> None:
        axes = {"left": PlainAxis("left", is_share), "bottom": PlainAxis("bottom")}
        super().__init__(
            enableMenu=False, axisItems=axes
        )  # building the menu takes as long as everything else here together
        self._small = small
        self._placeholder = ""
        self._paint_timer = QTimer(self, singleShot=True, interval=_PAINT_MS)
        self._paint_timer.timeout.connect(self._paint)
        self.setAccessibleName(name)
        self.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)  # else a screen reader finds a second, nameless chart
        self.setFrameShape(self.Shape.NoFrame)
        self.hideButtons()
        plot = self.getPlotItem()
        plot.setContentsMargins(0, 4, 6, 0)
        plot.getViewBox().setDefaultPadding(0.03)
        self.setMouseEnabled(x=not small, y=False)
        self.kind = STEP  # of the bottom axis
        plot.getAxis("left").setWidth(48 if small else 64)
        plot.getAxis("bottom").setHeight(18 if small else 38)
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setStyle(tickLength=0, tickTextOffset=6, maxTickLevel=0 if small else 1, textFillLimits=[(0, 0.7)])
            axis.setTickFont(theme.font("caption", figures=True))
            axis.setTickDensity(0.5 if small else 0.6)
            axis.enableAutoSIPrefix(False)
        self.live = True  # the range follows the data, until a person zooms
        plot.getViewBox().sigRangeChangedManually.connect(self._stop_following)
        self.curves: dict[str, Any] = {}
        self.crosshair = None if small else Crosshair(self)
        self.set_kind(STEP)
        self.restyle()

    def pen(self, colour: QColor | str, width: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
        """A pen of `width` pixels of the window: pyqtgraph's own pens count those of the display."""
        pen: QPen = pg.mkPen(colour, width=width * self.devicePixelRatioF(), style=style)
        return pen

    def set_pen(self, curve: Any, pen: QPen) -> None:
        """Give a curve a pen. A solid line is drawn piece by piece: as one smooth path of more than a pixel's width, Qt
        works out where it crosses itself, which takes twenty times as long."""
        curve.setPen(pen)
        curve.curve.setSegmentedLineMode("on" if pen.style() == Qt.PenStyle.SolidLine else "off")

    def set_kind(self, kind: str) -> None:
        """Let the bottom axis count STEP, TOKENS or TIME; the curves follow when they are drawn next."""
        self.kind = kind
        axis = self.getAxis("bottom")
        axis.kind, axis.title = kind, X_TITLES[kind]
        if not self._small:
            axis.setLabel(X_TITLES[kind])
        axis.picture = None  # the words of the ticks are made anew

    def set_left_title(self, title: str) -> None:
        """Name what the left axis counts."""
        self.getAxis("left").set_title(title)

    def place(self, record: RunRecord, steps: Any) -> Any:
        """Where steps lie on the bottom axis."""
        return convert_steps(record, steps, self.kind)

    def curve_words(self) -> dict[str, str]:
        """What the crosshair calls each curve; those that are not in it it leaves out."""
        return {}

    def format_value(self, value: float) -> str:
        """A value of a curve as the crosshair writes it."""
        return localize(f"{value:.1%}") if self.getAxis("left").is_share else format_plain(value)

    def show_placeholder(self, words: str) -> None:
        """Show words in the middle instead of the plot; "" shows the plot."""
        if words != self._placeholder:
            self._placeholder = words
            self.viewport().update()

    def settle(self) -> None:
        """Work out the ranges for what is to be drawn. Left to the painting, they would have it done a second time."""
        self.scene().prepareForPaint()

    def paint_later(self) -> None:
        """Paint what was changed in a turn of its own, a little later: both in one would delay the window."""
        self.setViewportUpdateMode(self.ViewportUpdateMode.NoViewportUpdate)
        self._paint_timer.start()

    def _paint(self) -> None:
        self.setViewportUpdateMode(self.ViewportUpdateMode.MinimalViewportUpdate)
        self.viewport().update()

    def follow(self) -> None:
        """Show the whole range again, and follow the data."""
        self.live = True
        self.getPlotItem().enableAutoRange()

    def points(self, x: Any, y: Any, most: int = MAX_POINTS) -> tuple[Any, Any]:
        """The points of a smooth line to draw: those in the visible range, thinned to what can be told apart."""
        return thin(x, y, None if self.live else tuple(self.getViewBox().viewRange()[0]), most)

    def restyle(self) -> None:
        """Apply the colours of the current palette."""
        c = theme.colours(theme.palette())
        self.setBackground(c.base)
        plot = self.getPlotItem()
        plot.showGrid(x=not self._small, y=True, alpha=0.16)
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setPen(pg.mkPen(theme.mix(c.text, c.base, 0.7), width=1))
            axis.setTextPen(pg.mkPen(c.secondary))
            axis.label.setFont(theme.font("caption"))
            axis.label.setDefaultTextColor(c.secondary)
        if self.crosshair is not None:
            self.crosshair.restyle(c)
        for name, curve in self.curves.items():
            self.style_curve(name, curve, c)

    def style_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        """Give a curve its pen; overridden by charts with several curves."""
        self.set_pen(curve, self.pen(c.series[0], 1.5))

    def _stop_following(self) -> None:
        self.live = False
        self.range_moved.emit()

    def _is_made(self) -> bool:
        """Whether the plot is there: pyqtgraph takes it away when the widget is closed."""
        return hasattr(self, "curves") and self.getPlotItem() is not None

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.DevicePixelRatioChange) and self._is_made():
            self.restyle()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self.crosshair is not None:
            self.crosshair.hide()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._small:
            event.ignore()
            return
        super().wheelEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._placeholder:
            super().paintEvent(event)
            return
        c = theme.colours(theme.palette())
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), c.base)
        painter.setPen(c.secondary)
        painter.setFont(theme.font("caption" if self._small else "body"))
        area = self.viewport().rect().adjusted(8, 0, -8, 0)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._placeholder)
