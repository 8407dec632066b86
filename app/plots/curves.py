"""A chart of a method's metrics: curves over the steps, dots for held-out rows, a band for a standard deviation."""

from typing import Any

import numpy as np
import pyqtgraph as pg

from app.desktop.language import localize, tr
from app.plots.decimate import dots
from app.plots.overlaid_chart import OverlaidChart
from app.runs.record import RunRecord
from app.runs.series import SMOOTHING, Series
from app.style import theme
from core.methods import SECONDS, SHARE, ChartSpec

_BAND, _HELD_OUT = "band ", "held "  # prefixes of the names of these curves


class MetricChart(OverlaidChart):
    """Draws the metrics of a Record that one ChartSpec names."""

    def __init__(self, spec: ChartSpec) -> None:
        super().__init__(tr(spec.title), is_share=spec.is_share)
        self.set_left_title(_left_title(spec))
        self.spec = spec
        plot = self.getPlotItem()
        if spec.is_share:
            plot.setLimits(yMin=-0.02, yMax=1.02)
        self._level: Any = None
        if spec.level is not None:
            self._level = pg.InfiniteLine(spec.level, angle=0)
            plot.addItem(self._level, ignoreBounds=True)
        self._fill: Any = None
        for name in spec.lines:
            self.curves[name] = plot.plot(connect="finite")
            self.curves[_HELD_OUT + name] = plot.plot(connect="finite", symbol="o")
        if spec.band:
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
            self._level.setPen(self.pen(c.secondary, 1, pg.QtCore.Qt.PenStyle.DashLine))
        if getattr(self, "_fill", None) is not None:
            ground = pg.mkColor(c.series[0])
            ground.setAlpha(50 if c.dark else 36)
            self._fill.setBrush(pg.mkBrush(ground))

    def style_own_curve(self, name: str, curve: Any, c: theme.Colours) -> None:
        if name.startswith(_BAND):
            curve.setPen(None)
            return
        index = self.spec.lines.index(name.removeprefix(_HELD_OUT))
        colour = pg.mkColor(c.series[index % len(c.series)])
        if name.startswith(_HELD_OUT):
            self.set_pen(curve, self.pen(colour, 1, pg.QtCore.Qt.PenStyle.DotLine))
            curve.setSymbolBrush(pg.mkBrush(colour))
            curve.setSymbolPen(self.pen(c.base, 1))
            curve.setSymbolSize(8)
        else:
            self.set_pen(curve, self.pen(colour, 2))

    def show_record(self, record: RunRecord) -> None:
        """Draw the run as it is now."""
        has_points = False
        for name in self.spec.lines:
            series, held_out = record.metrics.get(name), record.eval_metrics.get(name)
            if series is not None:
                self.curves[name].setData(*self.points(self.place(record, series.x), series.smooth(self.smoothing)))
            if held_out is not None:
                self.curves[_HELD_OUT + name].setData(*dots(self.place(record, held_out.x), held_out.y))
            has_points = has_points or series is not None or held_out is not None
        if self.spec.band:
            self._show_band(record)
        self.show_placeholder("" if has_points else tr("The first point appears once training begins."))
        self.setAccessibleDescription(summary(self.spec, record))
        self.settle()

    def _show_band(self, record: RunRecord) -> None:
        mean, deviation = record.metrics.get(self.spec.lines[0]), record.metrics.get(self.spec.band)
        if mean is None or deviation is None or len(mean) != len(deviation):
            return
        y, width = np.asarray(mean.smooth(self.smoothing)), np.asarray(deviation.smooth(self.smoothing))
        x = self.place(record, mean.x)
        self.curves[_BAND + "low"].setData(*self.points(x, y - width))
        self.curves[_BAND + "high"].setData(*self.points(x, y + width))

    def overlaid_series(self, record: RunRecord) -> dict[str, Series]:
        lines = [name for name in self.spec.lines if name in record.metrics]
        legends = {metric.name: tr(metric.legend) for metric in self.spec.metrics}
        return {legends[name] if len(self.spec.lines) > 1 else "": record.metrics[name] for name in lines}

    def own_curve_words(self) -> dict[str, str]:
        words = {metric.name: tr(metric.legend) for metric in self.spec.metrics}
        lines = {name: words[name] for name in self.spec.lines}
        return lines | {_HELD_OUT + name: tr("{legend}, held out", legend=legend) for name, legend in lines.items()}


def _left_title(spec: ChartSpec) -> str:
    """The chart's title, with the unit where all its metrics share one that is no plain number."""
    units = {metric.unit for metric in spec.metrics}
    unit = {SHARE: "%", SECONDS: tr("seconds")}.get(units.pop() if len(units) == 1 else "", "")
    title = tr(spec.title)
    return f"{title} ({unit})" if unit else title


def summary(spec: ChartSpec, record: RunRecord) -> str:
    """The chart in a sentence, for screen readers."""
    parts = []
    for metric in spec.metrics:
        trained, held_out = record.metrics.get(metric.name), record.eval_metrics.get(metric.name)
        for series, rows in ((trained, ""), (held_out, tr(" on held-out rows"))):
            if series is not None and len(series):
                first = localize(metric.format_value(_first(series)))
                latest = localize(metric.format_value(_latest(series)))
                parts.append(
                    tr(
                        "{legend}{rows} {first} at first, {latest} now",
                        legend=tr(metric.legend),
                        rows=rows,
                        first=first,
                        latest=latest,
                    )
                )
    return _capitalize("; ".join(parts) + ".") if parts else tr("Nothing to draw yet.")


def _capitalize(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _first(series: Series) -> float:
    return float(series.smooth(SMOOTHING)[min(3, len(series) - 1)])


def _latest(series: Series) -> float:
    return float(series.smooth(SMOOTHING)[-1])
