"""A small chart of a single curve, without a bottom axis and without zoom."""

import numpy as np

from app.plots.chart import Chart
from app.plots.decimate import thin
from app.runs.series import Series


class LineChart(Chart):
    """Draws one Series."""

    def __init__(self, name: str) -> None:
        super().__init__(name, small=True)
        self.curves = {"value": self.getPlotItem().plot(connect="finite")}
        self.restyle()
        self.setMinimumHeight(44)

    def show_series(self, series: Series) -> None:
        self.show_placeholder("" if len(series) else " ")
        if not len(series):
            return
        self.curves["value"].setData(*thin(series.x, series.y))
        y = np.asarray(series.y)
        low, high = float(y.min()), float(y.max())
        if high - low <= 1e-9 * abs(high):  # a flat line is drawn from zero, so that rounding does not look like noise
            self.setYRange(min(0.0, 2 * low), max(0.0, 2 * high) or 1.0)
        else:
            self.enableAutoRange(axis="y")
