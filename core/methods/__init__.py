"""The training methods. A method is one file in this folder with a SPEC, and the folder is the list of them.

A loss takes log-probabilities and returns a number and its metrics. It holds no model, no optimizer and no file;
core.training owns the one loop that every method runs through. The command line, the window, the builder in
core.easy, the charts, the verdict and the help all follow from the SPEC.
"""

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.methods._display import (
    COUNT,
    DISTILLATION,
    EXAMPLES,
    GROUPS,
    NUMBER,
    PREFERENCES,
    REASONING,
    SECONDS,
    SHARE,
    ChartSpec,
    Criterion,
    DescribeProgress,
    GoalGroup,
    Metric,
    Trend,
)

__all__ = [
    "COUNT",
    "DEFAULT_METHOD",
    "DISTILLATION",
    "EXAMPLES",
    "GROUPS",
    "MISMATCHED_MEAN",
    "NUMBER",
    "OWN_ANSWERS",
    "PREFERENCES",
    "REASONING",
    "SECONDS",
    "SHARE",
    "ChartSpec",
    "Criterion",
    "GoalGroup",
    "Method",
    "Metric",
    "Trend",
    "find",
    "find_metric",
    "load",
    "names",
]

DEFAULT_METHOD = "sft"  # where none is named; shown first, and also called `hone train`
MISMATCHED_MEAN = "mismatched_mean"  # key in batch.extra of KTO's reference point, of a batch that ranks share
OWN_ANSWERS = "own"  # key in batch.extra of answers that the model wrote itself for a teacher to judge

# loss(logps, ref, batch, o) -> (loss, metrics)
#   logps    [N, T-1]  log-probability of each target token, zero where batch.mask is zero
#   ref      [N, T-1]  the same under the reference, for a method that has one
#   batch              core.data.batch.batches.Batch with MLX arrays
#   o                  the method's own options
#   metrics            by name; a number is the batch's mean, a pair (sum, count) brings its own weight
Loss = Callable[[Any, Any, Any, Any], tuple[Any, dict[str, Any]]]

# arrange(groups, batch_size, max_len, seed) -> groups
#   groups      core.data.batch.groups.Group of every row, in the file's order
#   batch_size  rows of a batch
#   max_len     tokens of the longest text allowed
#   seed        None to keep the file's order
Arrange = Callable[[Sequence[Any], int, int, int | None], list[Any]]

# on_policy_share(o) -> share of the steps, 0 to 1, in which the model learns from answers that it writes itself
OnPolicyShare = Callable[[Any], float]

# divergence(student, teacher, o) -> [m]
#   student, teacher  [m, K]  log-probabilities of the same K outcomes at each of m targets
Divergence = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class Method:
    """Everything that any part of Hone needs to know about a method."""

    # What people read
    title: str
    goal: str  # heading of the method's card in the window: what somebody has who should choose it
    summary: str  # the card's text, in plain words
    needs: str  # kind and amount of data
    cost: str  # memory and time, in words
    paper: str
    group: GoalGroup  # among which cards it is shown

    # How it learns
    data: str  # kind of rows it reads: one of core.data.kinds
    options: type  # a frozen dataclass of option() fields
    loss: Loss
    learning_rate: float  # the default with LoRA or DoRA
    learning_rate_full: float  # the default when every weight is trained
    epochs: float = 3.0  # passes over the data where neither epochs nor steps are given
    weight: str = "tokens"  # what a micro-batch counts by under gradient accumulation: "tokens" or "rows"
    decomposable: bool = False  # a batch's loss is the mean of its parts' losses by `weight`: it may be split
    reference: bool = False  # its options have `reference`: "base", "initial", a model, or None for the usual one
    arrange: Arrange | None = None  # rearranges the encoded rows before they are batched
    divergence: Divergence | None = None  # of a method with a teacher; its loss gets the divergences as `ref`
    on_policy: bool = False  # the model writes every answer itself and rewards score it: options as in _policy.py
    on_policy_share: OnPolicyShare | None = None  # answers of its own that a teacher judges: OWN_ANSWERS marks them
    precomputed: bool = False  # the second half of a batch's texts gets log-probabilities without a gradient
    check: Callable[[Any], None] | None = None  # raises BadOption when its options contradict each other
    idle: Callable[[Any], Iterable[tuple[str, str]]] | None = None  # (option, why) of those that others leave unread

    # How its results are shown
    charts: tuple[ChartSpec, ...] = ()  # beside the loss, in this order
    criteria: tuple[Criterion, ...] = ()  # the verdict goes by the first that clearly changed; without any, the loss
    describe_progress: DescribeProgress | None = None  # a sentence while it trains; None: from the loss alone
    group_rank: int = 9  # place in its group: 1 for the method to begin with; equal ranks go by name
    # Setters that core.easy.Builder offers for its options: {setter: {argument: option}}
    shortcuts: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    name: str = ""  # the file's name; set by find()

    @property
    def metrics(self) -> dict[str, Metric]:
        """Every metric in its charts, by name."""
        return {metric.name: metric for chart in self.charts for metric in chart.metrics}


@functools.cache
def names() -> tuple[str, ...]:
    """The name of every method: the default one first, then by file name.

    A file whose name begins with an underscore is no method; it holds what several of them share.
    """
    found = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    return tuple(sorted(found, key=lambda name: (name != DEFAULT_METHOD, name)))


@functools.cache
def find(name: str) -> Method:
    """The method of one of names(). Imports its file alone: the window's first picture needs no other."""
    spec: Method = importlib.import_module(f"{__name__}.{name}").SPEC
    return dataclasses.replace(spec, name=name)


def load() -> dict[str, Method]:
    """Every method by name, in the order of names()."""
    return {name: find(name) for name in names()}


def find_metric(name: str) -> Metric | None:
    """A metric by its name, as the first method that reports it describes it; None where no method does."""
    return next((spec.metrics[name] for spec in load().values() if name in spec.metrics), None)
