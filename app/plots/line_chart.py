"""A small chart of a single curve, without a bottom axis and without zoom."""

import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt

from app.plots.axes import STEP, convert_steps
from app.plots.chart import Chart
from app.plots.decimate import thin
from app.runs.record import RunRecord
from app.runs.series import Series
from app.style import theme

_LEAST_SPAN = 0.2  # of the largest value: what changes by less than this is drawn as nearly flat


class LineChart(Chart):
    """Draws one Series over the same steps as the other charts of a run."""

    def __init__(self, name: str) -> None:
        super().__init__(name, small=True)
        self.curves = {"value": self.getPlotItem().plot(connect="finite")}
        self.limit = pg.InfiniteLine(angle=0, movable=False)
        self.limit.hide()
        self.getPlotItem().addItem(self.limit, ignoreBounds=True)
        self.restyle()
        self.setMinimumHeight(44)

    def restyle(self) -> None:
        super().restyle()
        if getattr(self, "limit", None) is not None:
            self.limit.setPen(self.pen(theme.colours(theme.palette()).bad, 1, Qt.PenStyle.DashLine))

    def show_series(self, series: Series, record: RunRecord, kind: str = STEP, limit: float | None = None) -> None:
        """Draw a series; the steps become tokens or time where `kind` says so. With a `limit` the whole range up to it
        is shown, and a line at it."""
        self.show_placeholder("" if len(series) else " ")
        if not len(series):
            return
        x, y = thin(series.x, series.y)
        self.curves["value"].setData(convert_steps(record, x, kind), y)
        low, high = y_range(np.asarray(series.y))
        self.limit.setVisible(limit is not None)
        if limit is not None:
            self.limit.setPos(limit)
            low, high = 0.0, max(high, limit)
        self.setYRange(low, high)
        self.settle()


def y_range(y: NDArray[np.float64]) -> tuple[float, float]:
    """The range to show of values: theirs, but wide enough that a change of a thousandth looks like one.

    What is nearly constant and never negative is drawn above zero.
    """
    finite = y[np.isfinite(y)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    least = _LEAST_SPAN * max(abs(low), abs(high)) or 1.0
    if high - low >= least:
        return low, high
    if low >= 0:
        return 0.0, 1.25 * high or 1.0
    middle = (low + high) / 2
    return middle - least / 2, middle + least / 2


def round_end(last: float) -> float:
    """The end of an axis for a curve that has come to `last`: a round number, so that it changes seldom."""
    if last <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(last))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= last)
