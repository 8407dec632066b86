"""The main chart: the training loss of each step, its running average, and the loss on held-out rows."""

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from app.desktop.language import tr
from app.plots.decimate import dots
from app.plots.overlaid_chart import OverlaidChart
from app.runs.record import RunRecord
from app.runs.series import SMOOTHING, Series
from app.style import theme
from core import methods
from core.data.kinds import TEXT

_BESIDE = [(-0.02, 0), (1.02, 0)]  # where words stand: right of a line, near the right end left of it
MOST_MARKS = 40  # checkpoints that are marked, the newest
FEW = 20  # steps: too few to tell an outlier


class LossChart(OverlaidChart):
    """Draws the loss of a Record. A logarithmic axis leaves out values up to zero."""

    def __init__(self) -> None:
        super().__init__(tr("Loss"))
        self.set_left_title(tr("Loss"))
        self.clips_outliers = False
        plot = self.getPlotItem()
        raw = plot.plot(connect="finite")
        raw.setDownsampling(auto=True, method="peak")
        raw.opts["autoDownsampleFactor"] = 1  # points a pixel, of which the lowest and the highest are drawn
        raw.setClipToView(True)
        smooth, held_out = plot.plot(connect="finite"), plot.plot(connect="finite", symbol="o")
        best = plot.plot(pen=None, symbol="star")
        self.curves = {"raw": raw, "smooth": smooth, "held": held_out, "best": best}
        self.checkpoints: list[Any] = []  # a line for each, the newest last
        self.changes: list[Any] = []  # a line with words for each change at a pause
        self.restyle()

    def style_own_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        train_colour, held_out_colour = pg.mkColor(c.series[0]), c.series[1]
        if name == "raw":
            # Opaque, and not smooth where a point has several pixels: Qt draws thick lines quickly only then.
            curve.setPen(self.pen(theme.mix(train_colour, c.base, 0.42 if c.dark else 0.6), 1))
            curve.opts["antialias"] = self.devicePixelRatioF() == 1
        elif name == "smooth":
            self.set_pen(curve, self.pen(train_colour, 2))
        elif name == "best":
            curve.setSymbolBrush(pg.mkBrush(held_out_colour))
            curve.setSymbolPen(self.pen(c.base, 1))
            curve.setSymbolSize(18)
        else:
            self.set_pen(curve, self.pen(held_out_colour, 1.5))
            curve.setSymbolBrush(pg.mkBrush(held_out_colour))
            curve.setSymbolPen(self.pen(c.base, 1))
            curve.setSymbolSize(8)

    def set_logarithmic(self, on: bool) -> None:
        """Switch the loss axis to a logarithmic scale, or back."""
        self.getPlotItem().setLogMode(y=on)

    def show_record(self, record: RunRecord) -> None:
        """Draw the run as it is now."""
        self.set_left_title(axis_title(record))
        x, y = self.place(record, record.loss.x), np.asarray(record.loss.y)
        logarithmic = self.getPlotItem().getAxis("left").logMode
        self.curves["raw"].setData(x, _positive(y) if logarithmic else y)
        sx, sy = self.points(x, np.asarray(record.loss.smooth(self.smoothing)))
        self.curves["smooth"].setData(sx, _positive(sy) if logarithmic else sy)
        vx, vy = self.place(record, record.eval_loss.x), np.asarray(record.eval_loss.y)
        self.curves["held"].setData(*dots(vx, _positive(vy) if logarithmic else vy))
        self._show_marks(record)
        self._show_changes(record)
        self._fit(y, vy)
        self.show_placeholder("" if len(x) or len(vx) else tr("The first point appears once training begins."))
        self.setAccessibleDescription(summary(record))
        self.settle()

    def overlaid_series(self, record: RunRecord) -> dict[str, Series]:
        return {"": record.loss} if len(record.loss) else {}

    def own_curve_words(self) -> dict[str, str]:
        return {"raw": tr("this step"), "smooth": tr("smoothed"), "held": tr("held-out rows")}

    def _show_marks(self, record: RunRecord) -> None:
        """A star at the best evaluation, and a faint line at each checkpoint."""
        best = record.best_eval
        self.curves["best"].setData(*(([self.place(record, best.step)], [best.loss]) if best else ([], [])))
        steps = record.checkpoints[-MOST_MARKS:]
        c = theme.colours(theme.palette())
        while len(self.checkpoints) < len(steps):
            line = pg.InfiniteLine(angle=90, movable=False)
            line.setZValue(-20)
            self.checkpoints.append(line)
            self.getPlotItem().addItem(line, ignoreBounds=True)
        for line in self.checkpoints[len(steps) :]:  # of a run that goes on from an earlier checkpoint
            self.getPlotItem().removeItem(line)
        del self.checkpoints[len(steps) :]
        for line, x in zip(self.checkpoints, self.place(record, steps), strict=True):
            line.setPen(self.pen(theme.mix(c.secondary, c.base, 0.5), 1, Qt.PenStyle.DashLine))
            line.setPos(x)

    def _show_changes(self, record: RunRecord) -> None:
        """A line where something was changed at a pause, with what it was."""
        c = theme.colours(theme.palette())
        for _, words in record.changes[len(self.changes) :]:
            line = pg.InfiniteLine(
                angle=90, movable=False, label=words, labelOpts={"position": 0.97, "anchors": _BESIDE}
            )
            line.setZValue(-15)
            self.changes.append(line)
            self.getPlotItem().addItem(line, ignoreBounds=True)
        for line in self.changes[len(record.changes) :]:
            self.getPlotItem().removeItem(line)
        del self.changes[len(record.changes) :]
        for line, (step, _) in zip(self.changes, record.changes, strict=True):
            line.setPen(self.pen(c.secondary, 1))
            line.label.setColor(c.text)
            line.label.fill = pg.mkBrush(c.base)
            line.label.setFont(theme.font("caption"))
            line.setPos(float(self.place(record, step)))

    def _fit(self, raw: Any, held: Any) -> None:
        """Where a person wants that, show the range without the highest and lowest 2 % of the steps."""
        logarithmic = self.getPlotItem().getAxis("left").logMode
        values = raw[np.isfinite(raw) & ((raw > 0) | (not logarithmic))]
        if not self.clips_outliers or len(values) < FEW:
            self.enableAutoRange(axis="y")
            return
        ends = [*np.percentile(values, (2, 98)), *held[np.isfinite(held)]]
        low, high = min(ends), max(ends)
        margin = 0.05 * (high - low) or 0.1
        if logarithmic:
            low, high, margin = np.log10(max(low, 1e-12)), np.log10(max(high, 1e-12)), 0.05
        self.setYRange(low - margin, high + margin, padding=0)


def axis_title(record: RunRecord) -> str:
    """The loss with its unit, where the method's loss is that of each token of the answers."""
    spec = methods.load().get(record.started.method) if record.started else None
    is_per_token = spec is not None and spec.data == TEXT and spec.divergence is None
    return tr("Loss (nats per token)") if is_per_token else tr("Loss")


def summary(record: RunRecord) -> str:
    """The chart in a sentence, for screen readers."""
    if not len(record.loss):
        return tr("Nothing to draw yet.")
    smooth = record.loss.smooth(SMOOTHING)
    words = tr(
        "Training loss {latest:.3f} at step {step:,}, from {first:.3f} at the start.",
        latest=smooth[-1],
        step=int(record.loss.x[-1]),
        first=smooth[0],
    )
    if record.best_eval:
        words += tr(
            " Loss on held-out rows at best {loss:.3f}, at step {step:,}.",
            loss=record.best_eval.loss,
            step=record.best_eval.step,
        )
    return words


def _positive(y: Any) -> Any:
    return np.where(y > 0, y, np.nan)
