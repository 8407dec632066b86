"""The main chart: the training loss of each step, its running average, and the loss on held-out rows."""

from typing import Any

import numpy as np
import pyqtgraph as pg

from app.plots.chart import Chart
from app.plots.decimate import dots
from app.runs.record import RunRecord
from app.runs.series import SMOOTHING
from app.style import theme


class LossChart(Chart):
    """Draws the loss of a Record. `smoothing` is from 0 to 0.99; a logarithmic axis leaves out values up to zero."""

    def __init__(self) -> None:
        super().__init__("Loss")
        self.smoothing = SMOOTHING
        plot = self.getPlotItem()
        raw = plot.plot(connect="finite")
        raw.setDownsampling(auto=True, method="peak")
        raw.setClipToView(True)
        smooth, held_out = plot.plot(connect="finite"), plot.plot(connect="finite", symbol="o")
        self.curves = {"raw": raw, "smooth": smooth, "held": held_out}
        self.restyle()

    def style_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        train_colour, held_out_colour = pg.mkColor(c.series[0]), c.series[1]
        if name == "raw":
            train_colour.setAlpha(150 if c.dark else 100)
            curve.setPen(pg.mkPen(train_colour, width=1))
        elif name == "smooth":
            curve.setPen(pg.mkPen(train_colour, width=2))
        else:
            curve.setPen(pg.mkPen(held_out_colour, width=1.5))
            curve.setSymbolBrush(pg.mkBrush(held_out_colour))
            curve.setSymbolPen(pg.mkPen(c.base, width=1))
            curve.setSymbolSize(8)

    def set_logarithmic(self, on: bool) -> None:
        """Switch the loss axis to a logarithmic scale, or back."""
        self.getPlotItem().setLogMode(y=on)

    def show_record(self, record: RunRecord) -> None:
        """Draw the run as it is now."""
        x, y = np.asarray(record.loss.x), np.asarray(record.loss.y)
        logarithmic = self.getPlotItem().getAxis("left").logMode
        self.curves["raw"].setData(x, _positive(y) if logarithmic else y)
        sx, sy = self.points(x, np.asarray(record.loss.smooth(self.smoothing)))
        self.curves["smooth"].setData(sx, _positive(sy) if logarithmic else sy)
        vx, vy = np.asarray(record.eval_loss.x), np.asarray(record.eval_loss.y)
        self.curves["held"].setData(*dots(vx, _positive(vy) if logarithmic else vy))
        self.show_placeholder("" if len(x) or len(vx) else "The first point appears once training begins.")
        self.setAccessibleDescription(summary(record))


def summary(record: RunRecord) -> str:
    """The chart in a sentence, for screen readers."""
    if not len(record.loss):
        return "Nothing to draw yet."
    smooth = record.loss.smooth(SMOOTHING)
    words = f"Training loss {smooth[-1]:.3f} at step {int(record.loss.x[-1]):,}, from {smooth[0]:.3f} at the start."
    if record.best_eval:
        words += f" Loss on held-out rows at best {record.best_eval.loss:.3f}, at step {record.best_eval.step:,}."
    return words


def _positive(y: Any) -> Any:
    return np.where(y > 0, y, np.nan)
