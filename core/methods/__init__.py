"""The ways a model can learn. A method is one file in this folder with a SPEC; the folder is the list.

A loss takes log-probabilities and returns a number and its metrics. It holds no model, no optimizer
and no file; train.py owns the one loop that every method runs through.
"""

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# loss(logps, ref, batch, o) -> (number, metrics)
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

# own_share(o) -> the share of the steps, 0 to 1, whose answers the model writes itself
OwnShare = Callable[[Any], float]

# divergence(student, teacher, o) -> [m]
#   student, teacher  [m, K]  log-probabilities of the same K outcomes at each of m targets
Divergence = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class Method:
    """Everything the command line, the wizard, the docs and the loop need to know about a method."""

    title: str
    goal: str  # the card's heading: what a person has in hand
    summary: str  # the card's text, in plain words
    needs: str
    cost: str  # memory and time, in words
    paper: str
    data: str  # TEXT, PAIRS, UNPAIRED or QUESTIONS
    options: type  # a frozen dataclass of option() fields
    loss: Loss
    learning_rate: float  # the default with LoRA or DoRA
    learning_rate_full: float  # the default when every weight is trained
    epochs: float = 3.0  # how often to go through the data where that is not asked for
    weight: str = "tokens"  # what a micro-batch counts by under accumulation: "tokens" or "rows"
    decomposable: bool = False  # a batch's loss is the mean of its parts' by `weight`: parts may be made apart
    reference: bool = False  # its options have `reference`: "base", "initial", a model, or None for the usual
    arrange: Arrange | None = None  # what it makes of the encoded rows
    divergence: Divergence | None = None  # for a method with a teacher; its loss gets the result as `ref`
    on_policy: bool = False  # the model writes every answer itself and rewards score it: _policy.py has the options
    on_policy_share: OwnShare | None = (
        None  # for answers of its own that a teacher judges; `own` in batch.extra marks them
    )
    precomputed: bool = False  # the second half of a batch's texts is measured and not learned
    check: Callable[[Any], None] | None = None  # raises BadOption when its options contradict each other
    name: str = ""  # the file's name; set by load()


@functools.cache
def load() -> dict[str, Method]:
    """Every method by name, in the order they are shown: SFT first, then by file name.

    A file whose name begins with an underscore is no method; it holds what several of them share.
    """
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        spec = importlib.import_module(f"{__name__}.{module.name}").SPEC
        found[module.name] = dataclasses.replace(spec, name=module.name)
    return dict(sorted(found.items(), key=lambda item: (item[0] != "sft", item[0])))
