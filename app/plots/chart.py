"""A chart in the window's colours: no frame, a faint grid, and words while there is nothing to draw."""

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent

from app.plots.decimate import thinned
from app.style import theme

pg.setConfigOptions(antialias=True, foreground="k", background="w")


class Chart(pg.PlotWidget):  # type: ignore[misc, unused-ignore]
    """One plot. `moved` when a person zooms or drags, so that live drawing no longer sets the range."""

    moved = Signal()

    def __init__(self, name: str, small: bool = False) -> None:
        super().__init__(enableMenu=False)  # making the menu takes as long as making all the rest
        self._small = small
        self._empty = ""
        self.setAccessibleName(name)
        self.setFrameShape(self.Shape.NoFrame)
        self.hideButtons()
        plot = self.getPlotItem()
        plot.setContentsMargins(0, 4, 6, 0)
        plot.getViewBox().setDefaultPadding(0.03)
        self.setMouseEnabled(x=not small, y=False)
        if small:
            plot.hideAxis("bottom")
            plot.getAxis("left").setWidth(44)
        else:
            plot.getAxis("left").setWidth(46)
            plot.getAxis("bottom").setHeight(26)
        for name_ in ("left", "bottom"):
            axis = plot.getAxis(name_)
            axis.setStyle(tickLength=0, tickTextOffset=6, maxTickLevel=0 if small else 1, textFillLimits=[(0, 0.7)])
            axis.setTickFont(theme.font("caption", figures=True))
            axis.setTickDensity(0.5 if small else 0.6)
            axis.enableAutoSIPrefix(False)
        self.live = True  # shows everything and keeps up with what comes; not once a person has zoomed
        plot.getViewBox().sigRangeChangedManually.connect(self._move)
        self.curves: dict[str, Any] = {}
        self.restyle()

    def say_empty(self, words: str) -> None:
        """Words in the middle while there is nothing to draw; "" once there is."""
        if words != self._empty:
            self._empty = words
            self.viewport().update()

    def follow(self) -> None:
        """Show everything again, and keep up with what comes."""
        self.live = True
        self.getPlotItem().enableAutoRange()

    def points(self, x: Any, y: Any) -> tuple[Any, Any]:
        """What to draw of a smooth line: of the part that is looked at, as many points as there is room for."""
        return thinned(x, y, None if self.live else tuple(self.getViewBox().viewRange()[0]))

    def restyle(self) -> None:
        """Take the colours of the present palette."""
        c = theme.colours(theme.palette())
        self.setBackground(c.base)
        plot = self.getPlotItem()
        plot.showGrid(x=not self._small, y=True, alpha=0.16)
        for name in ("left", "bottom"):
            axis = plot.getAxis(name)
            axis.setPen(pg.mkPen(theme.mix(c.text, c.base, 0.7), width=1))
            axis.setTextPen(pg.mkPen(c.secondary))
        for name, curve in self.curves.items():
            self.style_curve(name, curve, c)

    def style_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        """Give a curve its pen; overridden by charts with several curves."""
        curve.setPen(pg.mkPen(c.series[0], width=1.5))

    def _move(self) -> None:
        self.live = False
        self.moved.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "curves"):
            self.restyle()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._small:
            event.ignore()
            return
        super().wheelEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._empty:
            super().paintEvent(event)
            return
        c = theme.colours(theme.palette())
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), c.base)
        painter.setPen(c.secondary)
        painter.setFont(theme.font("caption" if self._small else "body"))
        area = self.viewport().rect().adjusted(8, 0, -8, 0)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._empty)
