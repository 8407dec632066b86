"""The main chart: the loss of each step, its running average, and the loss on held-out rows."""

from typing import Any

import numpy as np
import pyqtgraph as pg

from app.plots.chart import Chart
from app.runs.record import Record
from app.style import theme


class LossChart(Chart):
    """Draws a Record. `smoothing` from 0 to 0.99; `logarithmic` leaves out what is not above zero."""

    def __init__(self) -> None:
        super().__init__("Loss")
        self.smoothing = 0.9
        plot = self.getPlotItem()
        raw = plot.plot(connect="finite")
        raw.setDownsampling(auto=True, method="peak")
        raw.setClipToView(True)
        smooth, held = plot.plot(connect="finite"), plot.plot(connect="finite", symbol="o")
        self.curves = {"raw": raw, "smooth": smooth, "held": held}
        self.restyle()

    def style_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        train, held = pg.mkColor(c.series[0]), c.series[1]
        if name == "raw":
            train.setAlpha(150 if c.dark else 100)
            curve.setPen(pg.mkPen(train, width=1))
        elif name == "smooth":
            curve.setPen(pg.mkPen(train, width=2))
        else:
            curve.setPen(pg.mkPen(held, width=1.5))
            curve.setSymbolBrush(pg.mkBrush(held))
            curve.setSymbolPen(pg.mkPen(c.base, width=1))
            curve.setSymbolSize(8)

    def set_logarithmic(self, on: bool) -> None:
        self.getPlotItem().setLogMode(y=on)

    def show_record(self, record: Record) -> None:
        x, y = np.asarray(record.loss.x), np.asarray(record.loss.y)
        logarithmic = self.getPlotItem().getAxis("left").logMode
        self.curves["raw"].setData(x, _positive(y) if logarithmic else y)
        sx, sy = self.points(x, np.asarray(record.loss.smooth(self.smoothing)))
        self.curves["smooth"].setData(sx, _positive(sy) if logarithmic else sy)
        vx, vy = np.asarray(record.validation.x), np.asarray(record.validation.y)
        self.curves["held"].setData(vx, _positive(vy) if logarithmic else vy)
        self.say_empty("" if len(x) or len(vx) else "The first point appears once training begins.")
        self.setAccessibleDescription(summary(record))


def summary(record: Record) -> str:
    """The chart in a sentence, for those who do not see it."""
    if not len(record.loss):
        return "Nothing to draw yet."
    smooth = record.loss.smooth(0.9)
    words = f"Training loss {smooth[-1]:.3f} at step {int(record.loss.x[-1]):,}, from {smooth[0]:.3f} at the start."
    if record.best:
        words += f" Loss on held-out rows at best {record.best.loss:.3f}, at step {record.best.step:,}."
    return words


def _positive(y: Any) -> Any:
    return np.where(y > 0, y, np.nan)
