"""The base class of a run's large charts: its own curves, and those of other runs over them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.plots.chart import Chart
from app.plots.run_curves import RunCurve, RunCurves
from app.runs.overlay import Overlay
from app.runs.record import RunRecord
from app.runs.series import SMOOTHING, Series
from app.style import theme

_BEHIND = -5  # the run's own curves
FIRST_LOOK = 2  # of the other runs: the looks before are those of the run's own curves


class OverlaidChart(Chart):
    """`smoothing` of all curves is from 0 to 0.99."""

    def __init__(self, name: str, is_share: bool = False) -> None:
        super().__init__(name, is_share=is_share)
        self.smoothing = SMOOTHING
        self._others = RunCurves(self, FIRST_LOOK)

    def own_curve_words(self) -> dict[str, str]:
        """What the crosshair calls each of the run's own curves; overridden."""
        raise NotImplementedError

    def overlaid_series(self, record: RunRecord) -> dict[str, Series]:
        """The curves of another run, by what they are called ("" where there is but one); overridden."""
        raise NotImplementedError

    def style_own_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        """Give one of the run's own curves its pen; overridden."""
        raise NotImplementedError

    def show_overlays(self, overlays: Sequence[Overlay]) -> list[str]:
        """Draw the curves of other runs over this one's, and no others; returns what they are called."""
        is_logarithmic = self.getPlotItem().getAxis("left").logMode
        curves = []
        for overlay in overlays:
            for words, series in self.overlaid_series(overlay.record).items():
                y = np.asarray(series.smooth(self.smoothing))
                label = f"{overlay.name}: {words}" if words else overlay.name
                x = self.place(overlay.record, series.x)
                curves.append(RunCurve(label, x, np.where(y > 0, y, np.nan) if is_logarithmic else y))
        self._others.show(curves)
        for name in filter(self._others.owns, self.curves):
            self.curves[name].setZValue(_BEHIND)
        return [curve.label for curve in curves]

    def curve_words(self) -> dict[str, str]:
        return self.own_curve_words() | self._others.words()

    def style_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        if self._others.owns(name):
            self._others.restyle(name, curve, c)
        else:
            self.style_own_curve(name, curve, c)
