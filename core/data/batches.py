"""Rows into batches, in an order that follows from seed and epoch alone.

A resumed run needs no saved data position: `window(step)` gives the batches of any step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.data.groups import Group, longest, parts

# Rows of similar length are put together within a pool of this many batches, so that little is padding
# while the order stays random over the epoch.
POOL = 32
WIDTH = 8  # padded widths are multiples of this: few different shapes


@dataclass(frozen=True)
class Batch:
    """What one forward pass sees. Arrays are NumPy as built, MLX as the loop hands them to a loss.

    Of R rows with K texts each (the two answers of a pair), N is K x R: the first text of every row, then the
    second of every row.
    """

    tokens: Any  # [N, T] int32, padded on the right
    mask: Any  # [N, T-1] float32: 1 where tokens[:, 1:] is a target, so padding never is one
    lengths: tuple[int, ...]  # real tokens of each text
    rows: tuple[int, ...]  # which R rows of the dataset these are
    segments: Any = None  # [N, T] int32 when several rows share one: which of them a token belongs to, 0 padding
    places: Any = None  # [M] where the flattened mask is 1; made with the MLX arrays
    extra: dict[str, Any] = field(default_factory=dict)  # what a method adds; values of rows are [R]

    @property
    def real_tokens(self) -> int:
        return sum(self.lengths)


def collate(rows: Sequence[Any], indices: Sequence[int], pack: bool = False) -> Batch:
    """One batch from encoded rows (each with `tokens` and `mask` of equal length) or groups, padded on the right.

    With `pack`, short rows are laid end to end where that makes the batch smaller. It is a matter of layout
    alone: the batch holds the same rows and gives the same loss, because no row sees another.
    """
    chosen = [rows[i] for i in indices]
    texts = [text for kind in zip(*map(parts, chosen), strict=True) for text in kind]
    lengths = tuple(len(text.tokens) for text in texts)
    width = max(2, math.ceil(max(lengths) / WIDTH) * WIDTH)
    shelves = _shelves(lengths, width) if pack else [[n] for n in range(len(texts))]
    tokens = np.zeros((len(shelves), width), dtype=np.int32)
    mask = np.zeros((len(shelves), width), dtype=np.float32)
    segments = np.zeros((len(shelves), width), dtype=np.int32)
    for shelf, members in enumerate(shelves):
        start = 0
        for segment, n in enumerate(members, 1):
            text, place = texts[n], slice(start, start + lengths[n])
            tokens[shelf, place], mask[shelf, place], segments[shelf, place] = text.tokens, text.mask, segment
            start += lengths[n]
    packed = len(shelves) < len(texts)
    values = chosen[0].values if isinstance(chosen[0], Group) else {}
    extra = {name: np.array([row.values[name] for row in chosen], np.float32) for name in values}
    # A token is predicted from those before it: the mask moves with the targets. A row's first token is no
    # target, so none is predicted from the row before it on the same shelf.
    return Batch(tokens, mask[:, 1:], lengths, tuple(indices), segments if packed else None, extra=extra)


def _shelves(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Which rows share a shelf of `width` tokens: the longest first, each where it first fits."""
    shelves: list[list[int]] = []
    free: list[int] = []
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        place = next((s for s, room in enumerate(free) if room >= lengths[n]), None)
        if place is None:
            shelves.append([n])
            free.append(width - lengths[n])
        else:
            shelves[place].append(n)
            free[place] -= lengths[n]
    return shelves


class Batches:
    """The training set as optimizer steps: each a window of `accumulation` batches of `batch_size` rows.

    Every row is seen exactly once an epoch; the last batch of an epoch may be smaller, and the last
    window shorter.
    """

    def __init__(
        self, rows: Sequence[Any], batch_size: int, accumulation: int, shuffle: bool, seed: int, pack: bool = False
    ) -> None:
        self.rows, self.batch_size, self.accumulation = rows, batch_size, accumulation
        self.shuffle, self.seed, self.pack = shuffle, seed, pack
        self.steps_per_epoch = math.ceil(math.ceil(len(rows) / batch_size) / accumulation)
        self._epoch, self._order = -1, []  # type: int, list[list[int]]

    def seen(self, steps: int) -> list[int]:
        """Which rows the first `steps` steps look at."""
        if steps >= self.steps_per_epoch:
            return list(range(len(self.rows)))
        return sorted(i for indices in self._plan(0)[: steps * self.accumulation] for i in indices)

    def window(self, step: int) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._plan(epoch)
        first = place * self.accumulation
        return [collate(self.rows, indices, self.pack) for indices in self._order[first : first + self.accumulation]]

    def _plan(self, epoch: int) -> list[list[int]]:
        count, size = len(self.rows), self.batch_size
        if not self.shuffle:
            return [list(range(i, min(i + size, count))) for i in range(0, count, size)]
        rng = np.random.default_rng([self.seed, epoch])
        order = [int(i) for i in rng.permutation(count)]
        plan: list[list[int]] = []
        for start in range(0, count, POOL * size):
            pool = sorted(order[start : start + POOL * size], key=lambda i: longest(self.rows[i]))
            plan += [pool[i : i + size] for i in range(0, len(pool), size)]
        return [plan[i] for i in rng.permutation(len(plan))]


def in_order(rows: Sequence[Any], batch_size: int) -> list[Batch]:
    """All rows once, sorted by length: for evaluation, where order does not matter."""
    order = sorted(range(len(rows)), key=lambda i: longest(rows[i]))
    return [collate(rows, order[i : i + batch_size]) for i in range(0, len(order), batch_size)]
