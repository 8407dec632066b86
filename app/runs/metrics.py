"""Which charts show the metrics of a run: those of its method, and one for each metric that no chart has. No Qt."""

from collections.abc import Iterable
from dataclasses import replace

from core import methods
from core.methods import ChartSpec, Metric


def select_charts(method: str, names: Iterable[str]) -> list[ChartSpec]:
    """The charts for the metrics `names` of a run of `method`, in the order they are shown.

    A chart holds only those of its metrics that are reported; a metric that is in no chart of the method gets one of
    its own. For a method that is not known the charts of all methods are tried.
    """
    remaining = list(names)
    charts = []
    for chart in _described_charts(method):
        metrics = [metric for metric in chart.metrics if metric.name in remaining]
        if not metrics:
            continue
        single = [name for name in remaining if chart.prefix and name.startswith(chart.prefix) and name != chart.band]
        if len(single) > 1:  # a single reward is the sum of all
            metrics += [Metric(name, name.removeprefix(chart.prefix).replace("_", " ")) for name in sorted(single)]
        charts.append(replace(chart, metrics=tuple(metrics)))
        drawn = {*single, *(metric.name for metric in metrics)}
        remaining = [name for name in remaining if name not in drawn]
    return charts + [_unknown_metric_chart(name) for name in remaining]


def _described_charts(method: str) -> list[ChartSpec]:
    specs = methods.load()
    if method in specs:
        return list(specs[method].charts)
    return [chart for spec in specs.values() for chart in spec.charts]


def _unknown_metric_chart(name: str) -> ChartSpec:
    title = name.replace("_", " ").capitalize()
    return ChartSpec(name, title, "A number of this method.", (Metric(name, title.lower()),))
