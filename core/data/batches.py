"""Rows into batches, in an order that follows from seed and epoch alone.

A resumed run needs no saved data position: `window(step)` gives the batches of any step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Rows of similar length are put together within a pool of this many batches, so that little is padding
# while the order stays random over the epoch.
POOL = 32
WIDTH = 8  # padded widths are multiples of this: few different shapes


@dataclass(frozen=True)
class Batch:
    """What one forward pass sees. Arrays are NumPy as built, MLX as the loop hands them to a loss."""

    tokens: Any  # [N, T] int32, padded on the right
    mask: Any  # [N, T-1] float32: 1 where tokens[:, 1:] is a target, so padding never is one
    lengths: tuple[int, ...]  # real tokens of each row
    rows: tuple[int, ...]  # which rows of the dataset these are
    extra: dict[str, Any] = field(default_factory=dict)  # what a method adds

    @property
    def real_tokens(self) -> int:
        return sum(self.lengths)


def collate(rows: Sequence[Any], indices: Sequence[int]) -> Batch:
    """One batch from encoded rows (each with `tokens` and `mask` of equal length), padded on the right."""
    longest = max(len(rows[i].tokens) for i in indices)
    width = max(2, math.ceil(longest / WIDTH) * WIDTH)
    tokens = np.zeros((len(indices), width), dtype=np.int32)
    mask = np.zeros((len(indices), width), dtype=np.float32)
    for n, i in enumerate(indices):
        length = len(rows[i].tokens)
        tokens[n, :length] = rows[i].tokens
        mask[n, :length] = rows[i].mask
    # A token is predicted from those before it: the mask moves with the targets.
    return Batch(tokens, mask[:, 1:], tuple(len(rows[i].tokens) for i in indices), tuple(indices))


class Batches:
    """The training set as optimizer steps: each a window of `accumulation` batches of `batch_size` rows.

    Every row is seen exactly once an epoch; the last batch of an epoch may be smaller, and the last
    window shorter.
    """

    def __init__(self, rows: Sequence[Any], batch_size: int, accumulation: int, shuffle: bool, seed: int) -> None:
        self.rows, self.batch_size, self.accumulation = rows, batch_size, accumulation
        self.shuffle, self.seed = shuffle, seed
        self.steps_per_epoch = math.ceil(math.ceil(len(rows) / batch_size) / accumulation)
        self._epoch, self._order = -1, []  # type: int, list[list[int]]

    def window(self, step: int) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._plan(epoch)
        first = place * self.accumulation
        return [collate(self.rows, indices) for indices in self._order[first : first + self.accumulation]]

    def _plan(self, epoch: int) -> list[list[int]]:
        count, size = len(self.rows), self.batch_size
        if not self.shuffle:
            return [list(range(i, min(i + size, count))) for i in range(0, count, size)]
        rng = np.random.default_rng([self.seed, epoch])
        order = [int(i) for i in rng.permutation(count)]
        plan: list[list[int]] = []
        for start in range(0, count, POOL * size):
            pool = sorted(order[start : start + POOL * size], key=lambda i: len(self.rows[i].tokens))
            plan += [pool[i : i + size] for i in range(0, len(pool), size)]
        return [plan[i] for i in rng.permutation(len(plan))]


def in_order(rows: Sequence[Any], batch_size: int) -> list[Batch]:
    """All rows once, sorted by length: for evaluation, where order does not matter."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].tokens))
    return [collate(rows, order[i : i + batch_size]) for i in range(0, len(order), batch_size)]
