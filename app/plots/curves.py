"""A method's own chart: several curves over the steps, dots for held-out rows, a band for a spread."""

from typing import Any

import numpy as np
import pyqtgraph as pg

from app.plots.chart import Chart
from app.runs.metrics import Figure, metric
from app.runs.record import Record
from app.runs.series import Series
from app.style import theme

_BAND, _HELD = "band ", "held "  # what the names of these curves begin with


class Curves(Chart):
    """Draws one Figure of a Record. `smoothing` from 0 to 0.99."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure.title)
        self.figure = figure
        self.smoothing = 0.9
        plot = self.getPlotItem()
        if figure.share:
            plot.getAxis("left").tickStrings = lambda values, scale, spacing: [f"{100 * v:.0f} %" for v in values]
            plot.setLimits(yMin=-0.02, yMax=1.02)
        self._level: Any = None
        if figure.level is not None:
            self._level = pg.InfiniteLine(figure.level, angle=0)
            plot.addItem(self._level, ignoreBounds=True)
        self._fill: Any = None
        for m in figure.lines:
            self.curves[m] = plot.plot(connect="finite")
            self.curves[_HELD + m] = plot.plot(connect="finite", symbol="o")
        if figure.band:
            edges = [plot.plot(connect="finite") for _ in range(2)]
            self.curves |= {_BAND + "low": edges[0], _BAND + "high": edges[1]}
            self._fill = pg.FillBetweenItem(*edges)
            self._fill.setZValue(-10)
            plot.addItem(self._fill, ignoreBounds=True)
        self.restyle()

    def restyle(self) -> None:
        super().restyle()
        c = theme.colours(theme.palette())
        if getattr(self, "_level", None) is not None:
            self._level.setPen(pg.mkPen(c.secondary, width=1, style=pg.QtCore.Qt.PenStyle.DashLine))
        if getattr(self, "_fill", None) is not None:
            ground = pg.mkColor(c.series[0])
            ground.setAlpha(50 if c.dark else 36)
            self._fill.setBrush(pg.mkBrush(ground))

    def style_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        if name.startswith(_BAND):
            curve.setPen(None)
            return
        places = self.figure.lines
        colour = pg.mkColor(c.series[places.index(name.removeprefix(_HELD)) % len(c.series)])
        if name.startswith(_HELD):
            curve.setPen(pg.mkPen(colour, width=1, style=pg.QtCore.Qt.PenStyle.DotLine))
            curve.setSymbolBrush(pg.mkBrush(colour))
            curve.setSymbolPen(pg.mkPen(c.base, width=1))
            curve.setSymbolSize(8)
        else:
            curve.setPen(pg.mkPen(colour, width=2))

    def show_record(self, record: Record) -> None:
        some = False
        for name in self.figure.lines:
            series, held = record.metrics.get(name), record.held.get(name)
            if series is not None:
                self.curves[name].setData(*self.points(series.x, series.smooth(self.smoothing)))
            if held is not None:
                self.curves[_HELD + name].setData(np.asarray(held.x), np.asarray(held.y))
            some = some or series is not None or held is not None
        if self.figure.band:
            self._show_band(record)
        self.say_empty("" if some else "The first point appears once training begins.")
        self.setAccessibleDescription(summary(self.figure, record))

    def _show_band(self, record: Record) -> None:
        middle, spread = record.metrics.get(self.figure.lines[0]), record.metrics.get(self.figure.band)
        if middle is None or spread is None or len(middle) != len(spread):
            return
        y, width = np.asarray(middle.smooth(self.smoothing)), np.asarray(spread.smooth(self.smoothing))
        self.curves[_BAND + "low"].setData(*self.points(middle.x, y - width))
        self.curves[_BAND + "high"].setData(*self.points(middle.x, y + width))


def summary(figure: Figure, record: Record) -> str:
    """The chart in a sentence, for those who do not see it."""
    parts = []
    for m in figure.metrics:
        for series, where in ((record.metrics.get(m.name), ""), (record.held.get(m.name), " on held-out rows")):
            if series is not None and len(series):
                words = metric(m.name).words
                parts.append(f"{m.title}{where} {words(_first(series))} at first, {words(_latest(series))} now")
    return ("; ".join(parts) + ".").capitalize() if parts else "Nothing to draw yet."


def _first(series: Series) -> float:
    return float(series.smooth(0.9)[min(3, len(series) - 1)])


def _latest(series: Series) -> float:
    return float(series.smooth(0.9)[-1])
