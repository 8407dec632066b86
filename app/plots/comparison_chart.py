"""The chart of the Compare page: the same curve of several runs."""

from collections.abc import Sequence

import numpy as np

from app.desktop.language import tr
from app.plots.axes import convert_steps
from app.plots.chart import Chart
from app.plots.run_curves import RunCurve, RunCurves
from app.runs.record import RunRecord
from app.runs.series import SMOOTHING, Series
from app.style import theme

TRAINING, HELD_OUT = "training", "held out"  # which loss is drawn
TITLES = {TRAINING: tr("Training loss, smoothed"), HELD_OUT: tr("Loss on held-out rows")}


class ComparisonChart(Chart):
    """Draws one loss of several runs over each other."""

    def __init__(self) -> None:
        super().__init__(tr("Loss of the runs"))
        self._runs = RunCurves(self)
        self.quantity = HELD_OUT
        self.restyle()

    def style_curve(self, name: str, curve: object, c: theme.Colours) -> None:
        self._runs.restyle(name, curve, c)

    def curve_words(self) -> dict[str, str]:
        return self._runs.words()

    def show_runs(self, runs: Sequence[tuple[str, RunRecord]]) -> None:
        """Draw runs, each given as (label, record)."""
        self.set_left_title(TITLES[self.quantity])
        curves = [_make_curve(label, record, self.quantity, self.kind) for label, record in runs]
        self._runs.show(curves)
        has_points = any(len(curve.x) for curve in curves)
        self.show_placeholder("" if has_points else tr("None of these runs has such a curve."))
        self.setAccessibleDescription(summary(curves))


def _make_curve(label: str, record: RunRecord, quantity: str, kind: str) -> RunCurve:
    series: Series = record.eval_loss if quantity == HELD_OUT else record.loss
    y = series.y if quantity == HELD_OUT else series.smooth(SMOOTHING)
    return RunCurve(label, convert_steps(record, series.x, kind), np.asarray(y), quantity == HELD_OUT)


def summary(curves: Sequence[RunCurve]) -> str:
    """The chart in words, for screen readers."""
    parts = [
        tr("{run}: {first:.3f} at first, {latest:.3f} at last", run=c.label, first=float(c.y[0]), latest=float(c.y[-1]))
        for c in curves
        if len(c.y)
    ]
    return "; ".join(parts) or tr("Nothing to draw yet.")
