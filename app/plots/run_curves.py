"""One curve for each of several runs on a chart: every run has a colour and a dash of its own, here and in legends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt

from app.plots.chart import Chart
from app.plots.decimate import MAX_DASHED_POINTS, MAX_POINTS, dots
from app.plots.legend import run_dash
from app.style import theme

_PREFIX = "run "  # of the names of these curves among those of the chart


@dataclass(frozen=True)
class RunCurve:
    """What is drawn of one run: x in units of the chart's bottom axis."""

    label: str
    x: Any
    y: Any
    has_dots: bool = False  # few points, each worth seeing


class RunCurves:
    """Draws curves of runs on a chart. `first` is the index of the first one's look, above 0 beside other curves.

    The chart's style_curve() has to pass on to restyle() what owns() says is one of these.
    """

    def __init__(self, chart: Chart, first: int = 0) -> None:
        self._chart, self._first = chart, first
        self._labels: dict[str, str] = {}

    def show(self, curves: Sequence[RunCurve]) -> None:
        """Draw these instead of those before."""
        plot = self._chart.getPlotItem()
        self._labels = {}
        for index, curve in enumerate(curves):
            name = f"{_PREFIX}{index}"
            item = self._chart.curves.get(name)
            if item is None:
                item = self._chart.curves[name] = plot.plot(connect="finite")
            item.setSymbol("o" if curve.has_dots else None)
            is_solid = run_dash(self._first + index, self._first) == Qt.PenStyle.SolidLine
            most = MAX_POINTS if is_solid else MAX_DASHED_POINTS
            item.setData(*(dots(curve.x, curve.y) if curve.has_dots else self._chart.points(curve.x, curve.y, most)))
            self.restyle(name, item, theme.colours(theme.palette()))
            self._labels[name] = curve.label
        for name in [n for n in self._chart.curves if self.owns(n) and n not in self._labels]:
            plot.removeItem(self._chart.curves.pop(name))

    def owns(self, name: str) -> bool:
        """Whether the chart's curve of this name is that of a run."""
        return name.startswith(_PREFIX)

    def words(self) -> dict[str, str]:
        """What the crosshair calls each curve."""
        return dict(self._labels)

    def restyle(self, name: str, item: Any, c: theme.Colours) -> None:
        """Give a curve the look of its run."""
        index = self._first + int(name.removeprefix(_PREFIX))
        colour = pg.mkColor(c.series[index % len(c.series)])
        self._chart.set_pen(item, self._chart.pen(colour, 2, run_dash(index, self._first)))
        item.setSymbolBrush(pg.mkBrush(colour))
        item.setSymbolPen(self._chart.pen(c.base, 1))
        item.setSymbolSize(8)
