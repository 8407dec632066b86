"""Which charts show a run's metrics: those of its method and of the computer, and one for each other metric. No Qt."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.desktop.language import tr
from app.runs.ranks import rank_charts
from core import methods
from core.methods import ChartSpec, Metric
from core.rewards import REWARDS
from core.text.sentence import lower, say

# Of the computer, and so of no method.
_MACHINE_CHARTS = [
    ChartSpec(
        "thermal_state",
        tr("Heat"),
        tr("How hot the computer says it is: 0 nominal, 1 fair, 2 serious, 3 critical. From 2 on it slows down."),
        (Metric("thermal_state", tr("thermal state")),),
        level=2.0,
    ),
    ChartSpec(
        "computer_speed_percent",
        tr("Heat"),
        tr("The share of its full speed that the hot computer is held to, in per cent. At 100 it is not slowed down."),
        (Metric("computer_speed_percent", tr("speed of the computer")),),
        level=100.0,
    ),
]


def select_charts(method: str, names: Iterable[str], ranks: Sequence[str] = ()) -> list[ChartSpec]:
    """The charts for the metrics `names` of a run of `method`, in the order they are shown.

    A chart holds only those of its metrics that are reported; a metric that is in no chart of the method gets one of
    its own. For a method that is not known the charts of all methods are tried. `ranks` are the names
    of the machines that share the run.
    """
    remaining = list(names)
    charts = []
    for chart in _described_charts(method):
        metrics = [metric for metric in chart.metrics if metric.name in remaining]
        if not metrics:
            continue
        single = [name for name in remaining if chart.prefix and name.startswith(chart.prefix) and name != chart.band]
        if len(single) > 1:  # a single reward is the sum of all
            metrics += [Metric(name, _reward_legend(name.removeprefix(chart.prefix))) for name in sorted(single)]
        charts.append(replace(chart, metrics=tuple(metrics)))
        drawn = {*single, *(metric.name for metric in metrics)}
        remaining = [name for name in remaining if name not in drawn]
    of_ranks = rank_charts(remaining, ranks)
    drawn = {metric.name for chart in of_ranks for metric in chart.metrics}
    return charts + of_ranks + [_unknown_metric_chart(name) for name in remaining if name not in drawn]


def _reward_legend(name: str) -> str:
    """A reward as the tab Rewards calls it; what is none by its own name."""
    if name == "overlong":
        return say("overlong penalty")
    return lower(say(REWARDS[name].title)) if name in REWARDS else name.replace("_", " ")


def _described_charts(method: str) -> list[ChartSpec]:
    specs = methods.load()
    if method in specs:
        return [*specs[method].charts, *_MACHINE_CHARTS]
    return [chart for spec in specs.values() for chart in spec.charts] + _MACHINE_CHARTS


def _unknown_metric_chart(name: str) -> ChartSpec:
    title = name.replace("_", " ").capitalize()
    return ChartSpec(name, title, tr("A number of this method."), (Metric(name, title.lower()),))
