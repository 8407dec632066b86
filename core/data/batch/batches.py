"""Rows into batches, in an order that follows from seed and epoch alone.

A resumed run needs no saved data position: `window(step)` gives the batches of any step.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from core.data.batch.groups import Group, longest, parts
from core.data.batch.packing import WIDTH, Layout, arrange, padded

# Rows of similar length are put together within a pool of this many batches, so that little is padding
# while the order stays random over the epoch.
POOL = 32


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
    layout: Layout | None = None  # how the texts lie in what the model is given, where it is not one row a text
    places: Any = None  # [M] where the flattened mask is 1; made with the MLX arrays
    extra: dict[str, Any] = field(default_factory=dict)  # what a method adds; values of rows are [R]

    @property
    def real_tokens(self) -> int:
        return sum(self.lengths)


def collate(
    rows: Sequence[Any] | Mapping[int, Any],
    indices: Sequence[int],
    pack: bool = False,
    share: bool = False,
    multiple: int = WIDTH,
    always: bool = False,
) -> Batch:
    """One batch from encoded rows (each with `tokens` and `mask` of equal length) or groups, padded on the right.

    With `pack`, short texts are laid end to end, and with `share`, what the texts of a group all begin with is
    there once, where that makes the work less. It is a matter of layout alone: the batch is the same and gives the
    same loss, because no text sees another. Widths are multiples of `multiple`.
    """
    chosen = [rows[i] for i in indices]
    texts = [text for kind in zip(*map(parts, chosen), strict=True) for text in kind]
    lengths = tuple(len(text.tokens) for text in texts)
    width = 1 + padded(max(lengths) - 1, multiple)  # the last token is a target only
    tokens = np.zeros((len(texts), width), dtype=np.int32)
    mask = np.zeros((len(texts), width), dtype=np.float32)
    for n, text in enumerate(texts):
        tokens[n, : lengths[n]], mask[n, : lengths[n]] = text.tokens, text.mask
    mask = mask[:, 1:]  # a token is predicted from those before it: the mask moves with the targets
    together = [list(range(r, len(texts), len(chosen))) for r in range(len(chosen))]
    layout = arrange(texts, together, mask, pack, share, multiple, always) if pack or share else None
    values = chosen[0].values if isinstance(chosen[0], Group) else {}
    extra = {name: np.array([row.values[name] for row in chosen], np.float32) for name in values}
    return Batch(tokens, mask, lengths, tuple(indices), layout, extra=extra)


class Windows(Protocol):
    """What the loop trains on, step by step: rows of a dataset, or answers that are written when they are wanted."""

    steps_per_epoch: int

    def window(self, step: int) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1."""
        ...

    def metrics(self) -> dict[str, float]:
        """Metrics of the last window's making."""
        ...


class Batches:
    """The training set as optimizer steps: each a window of `accumulation` batches of `batch_size` rows.

    Every row is seen exactly once an epoch; the last batch of an epoch may be smaller, and the last
    window shorter.
    """

    def __init__(
        self,
        rows: Sequence[Any],
        batch_size: int,
        accumulation: int,
        shuffle: bool,
        seed: int,
    ) -> None:
        self.rows, self.batch_size, self.accumulation = rows, batch_size, accumulation
        self.shuffle, self.seed = shuffle, seed
        self.layout: dict[str, Any] = {}  # collate's
        self.most: int | None = None  # tokens that may go through the model at once; a longer row goes alone
        self.parallel_batches = 1  # parts of a batch that go through the model at once
        self.steps_per_epoch = math.ceil(math.ceil(len(rows) / batch_size) / accumulation)
        self._epoch, self._order = -1, []  # type: int, list[list[int]]

    def seen(self, steps: int) -> list[int]:
        """Which rows the first `steps` steps look at."""
        if steps >= self.steps_per_epoch:
            return list(range(len(self.rows)))
        return sorted(i for indices in self._plan(0)[: steps * self.accumulation] for i in indices)

    def window(self, step: int, instead: Mapping[int, Any] | None = None) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1, each in as many parts as `most` makes of it.

        `instead` are other rows to take the places of the dataset's in these batches.
        """
        rows: Any = self.rows if instead is None else instead
        return [batch for indices in self.places(step) for batch in self._collated(rows, indices)]

    def metrics(self) -> dict[str, float]:
        """Nothing: a dataset has no metrics of its own."""
        return {}

    def places(self, step: int) -> list[list[int]]:
        """Which rows are in each batch of a step."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._plan(epoch)
        first = place * self.accumulation
        return self._order[first : first + self.accumulation]

    def _collated(self, rows: Any, indices: list[int]) -> list[Batch]:
        """A batch, or its parts: those know how many tokens of a row's first text are learned, over the whole batch."""
        split = self._parts(rows, indices)
        made = [collate(rows, part, **self.layout) for part in split]
        if len(split) > 1:
            mean = sum(float(batch.mask[: len(batch.rows)].sum()) for batch in made) / len(indices)
            for batch in made:
                batch.extra["learned_a_row"] = np.full(len(batch.rows), mean, np.float32)
        return made

    def _parts(self, rows: Any, indices: list[int]) -> list[list[int]]:
        """The rows of a batch as micro-batches, the longest rows first where there are several."""
        sizes = {i: len(parts(rows[i])) * longest(rows[i]) for i in indices}
        whole = max(sizes.values()) * len(indices)
        most = whole if self.most is None else self.most
        if self.parallel_batches > 1:
            return _alike(sizes, self.parallel_batches, most // self.parallel_batches)
        if whole <= most:
            return [indices]
        made: list[list[int]] = []
        for i in sorted(indices, key=lambda i: -sizes[i]):
            if made and sizes[made[-1][0]] * (len(made[-1]) + 1) <= most:
                made[-1].append(i)
            else:
                made.append([i])
        return made

    def largest_step(self, steps: int) -> int:
        """Which of the first `steps` steps of an epoch holds the batch that takes the most memory, from 1."""
        plan = self._plan(0)[: steps * self.accumulation]
        sizes = [len(indices) * max(longest(self.rows[i]) for i in indices) for indices in plan]
        return 1 + sizes.index(max(sizes)) // self.accumulation

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


def _alike(sizes: Mapping[int, int], lanes: int, most: int) -> list[list[int]]:
    """Rows of these sizes as parts that take about as long as each other, as many for every lane: so few that a part
    stays below `most` tokens, unless a row alone has more. The largest come first."""
    made: list[list[int]] = []
    for count in range(lanes, len(sizes) + lanes, lanes):
        made = [[] for _ in range(count)]
        for i in sorted(sizes, key=lambda i: -sizes[i]):
            min(made, key=lambda part, i=i: sizes[(part or [i])[0]] * (len(part) + 1)).append(i)  # type: ignore[misc]
        if all(sizes[part[0]] * len(part) <= most for part in made if part):
            break
    return sorted((part for part in made if part), key=lambda part: -sizes[part[0]] * len(part))


def in_order(rows: Sequence[Any], batch_size: int, **layout: Any) -> list[Batch]:
    """All rows once, sorted by length: for evaluation, where order does not matter. `layout` is collate's."""
    order = sorted(range(len(rows)), key=lambda i: longest(rows[i]))
    return [collate(rows, order[i : i + batch_size], **layout) for i in range(0, len(order), batch_size)]
