"""How a method presents itself to people: its metrics and charts, its verdict, and its place among the goals.

Plain dataclasses without MLX or Qt. A method's SPEC holds them; the window, the terminal and report.md read them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from core.text.sentence import Sentence, say

NUMBER, SHARE, SECONDS, COUNT = "number", "share", "seconds", "count"  # units of a metric


@dataclass(frozen=True)
class Metric:
    """One metric that a run reports: of the loss, or of the answers that the model wrote itself."""

    name: str  # its key in the metrics of Step and Evaluated
    legend: str  # names its curve in a chart
    unit: str = NUMBER  # NUMBER, SHARE (0 to 1, shown in per cent), SECONDS or COUNT
    title: str = ""  # in report.md, the terminal and the result page; "": its name there, as a plain number

    def format_value(self, value: float) -> str:
        """A value as the charts write it."""
        if self.unit == SHARE:
            return f"{value:.0%}"
        if self.unit == SECONDS:
            return f"{value:.1f} s"
        if self.unit == NUMBER and abs(value) < 100:
            return f"{value:.3g}"
        return f"{value:,.0f}"


@dataclass(frozen=True)
class ChartSpec:
    """One chart of a run's metrics."""

    key: str  # unlike that of the method's other charts
    title: str
    sentence: str  # what the curves say, and what to look for
    metrics: tuple[Metric, ...]  # those that a run does not report are left out
    level: float | None = None  # a value to compare with, drawn as a dashed line
    band: str = ""  # the metric that is the first one's standard deviation, drawn as a band around it
    prefix: str = ""  # metrics whose names begin with it get a curve here too, unless there is only one

    @property
    def is_share(self) -> bool:
        """Whether all values are from 0 to 1, so that the axis is in per cent."""
        return all(metric.unit == SHARE for metric in self.metrics)

    @property
    def lines(self) -> list[str]:
        """Names of the metrics with a line of their own, in the order of their colours."""
        return [metric.name for metric in self.metrics if metric.name != self.band]


@dataclass(frozen=True)
class Criterion:
    """A share of held-out rows that the verdict goes by."""

    metric: str  # measured before and after training; 0 to 1
    says: str  # follows "it": with {change}, such as "48% → 60%", and {rows}, the number of held-out rows
    short: str  # follows the share in the list of runs: "82% solved"
    shows_memorising: bool = False  # much higher on learned rows than on held-out ones, the model memorises

    def describe(self, initial: float, final: float, rows: int) -> Sentence:
        """The change in words; `rows` is 0 where their number is not known (runs of older versions)."""
        change = say("{before:.0%} → {after:.0%}", before=initial, after=final)
        if not rows:
            return say(self.says.replace("{rows} ", ""), change=change)
        return say(self.says, change=change, rows=say("{rows:,}", rows=rows))


class Trend(NamedTuple):
    """Where a smoothed metric began (its fourth step) and where it is now."""

    early: float
    latest: float


# describe_progress(trends) -> one sentence on how a run is going, or ""
#   trends  by metric, of those that have been reported for a few steps
DescribeProgress = Callable[[Mapping[str, Trend]], str]


@dataclass(frozen=True)
class GoalGroup:
    """Methods that need the same things, shown together in the window."""

    title: str
    sentence: str  # what somebody has who looks here


EXAMPLES = GoalGroup("Examples", "You have the answers it should learn to give.")
PREFERENCES = GoalGroup("Preferences", "You have answers of both kinds, and know which are better.")
REASONING = GoalGroup("Reasoning", "You have questions, and a rule that tells whether an answer is right.")
DISTILLATION = GoalGroup("Distillation", "You have a larger model that already does it well.")
GROUPS = (EXAMPLES, PREFERENCES, REASONING, DISTILLATION)  # in the window's order; a method's own group comes last
