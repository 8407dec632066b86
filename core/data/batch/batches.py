"""Encoded rows as batches, in an order that follows from seed and epoch alone.

A resumed run needs no saved data position: `window(step)` gives the batches of any optimizer step.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from core.data.batch.groups import Group, longest_text, row_texts, text_lengths
from core.data.batch.packing import WIDTH_MULTIPLE, Layout, choose_layout, pad_width
from core.data.batch.shares import Share, share_batches

# Rows are sorted by length within a pool of this many batches, so that little is padding while the order stays random
# over the epoch.
POOL_BATCHES = 32


@dataclass(frozen=True)
class Batch:
    """The input of one forward pass. Arrays are NumPy as built, MLX as the training loop hands them to a loss.

    Of R rows with K texts each (the two answers of a pair), N is K x R: the first text of every row, then the
    second of every row.
    """

    tokens: Any  # [N, T] int32, padded on the right
    mask: Any  # [N, T-1] float32: 1 where tokens[:, 1:] is a target, so padding never is one
    lengths: tuple[int, ...]  # real tokens of each text
    rows: tuple[int, ...]  # indices of these R rows in the dataset
    layout: Layout | None = None  # how the texts lie in the model's input, where it is not one row a text
    places: Any = None  # [M] int32 where the flattened mask is 1; made with the MLX arrays
    # What a method adds, such as Group.values; values of rows are [R].
    extra: dict[str, Any] = field(default_factory=dict)
    weight: float | None = None  # what it counts by in its step; None: by its tokens or rows, as its method says
    split: int | None = None  # of a batch whose other rows other ranks have: its number in the step

    @property
    def real_tokens(self) -> int:
        """Tokens of all texts, without padding."""
        return sum(self.lengths)


def collate(
    rows: Sequence[Any] | Mapping[int, Any],
    indices: Sequence[int],
    pack: bool = False,
    share: bool = False,
    multiple: int = WIDTH_MULTIPLE,
    always: bool = False,
) -> Batch:
    """One batch of rows, padded on the right.

    rows      encoded rows, by index: each an Encoded (or anything with `tokens` and `mask` of equal length) or a Group
    indices   which of the rows
    pack      lay short texts end to end where that makes less work
    share     let the texts of a group share their common prefix where that makes less work
    multiple  widths are multiples of this
    always    with `pack` or `share`: give the batch a layout even where it is one row a text

    A layout changes nothing of the batch's loss, because no text attends to another.
    """
    chosen = [rows[i] for i in indices]
    texts = [text for kind in zip(*map(row_texts, chosen), strict=True) for text in kind]
    lengths = tuple(len(text.tokens) for text in texts)
    width = 1 + pad_width(max(lengths) - 1, multiple)  # a text's last token is a target only
    tokens = np.zeros((len(texts), width), dtype=np.int32)
    mask = np.zeros((len(texts), width), dtype=np.float32)
    for n, text in enumerate(texts):
        tokens[n, : lengths[n]], mask[n, : lengths[n]] = text.tokens, text.mask
    mask = mask[:, 1:]  # a token is predicted from those before it: the mask moves with the targets
    groups = [list(range(r, len(texts), len(chosen))) for r in range(len(chosen))]
    layout = choose_layout(texts, groups, mask, pack, share, multiple, always) if pack or share else None
    values = chosen[0].values if isinstance(chosen[0], Group) else {}
    extra = {name: np.array([row.values[name] for row in chosen], np.float32) for name in values}
    return Batch(tokens, mask, lengths, tuple(indices), layout, extra=extra)


class BatchSource(Protocol):
    """What the loop trains on, step by step: rows of a dataset, or rollouts that are sampled when they are needed."""

    steps_per_epoch: int

    def window(self, step: int) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1; this rank's share of them where there are several."""
        ...

    def metrics(self) -> dict[str, float]:
        """Metrics about how the last window was made, such as "sampling_seconds"; empty where there are none."""
        ...


class Batches:
    """The training set as optimizer steps: each a window of `accumulation` batches of `batch_size` rows.

    Every row is used exactly once an epoch; the last batch of an epoch may be smaller, and the last window shorter.
    `layout`, `max_tokens`, `parallel_batches` and `share` may be set before the first window.
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
        self.layout: dict[str, Any] = {}  # pack, share and always of collate()
        self.max_tokens: int | None = None  # tokens in the model at once, None for no limit; a longer row goes alone
        self.parallel_batches = 1  # micro-batches of a batch that go through the model at once
        self.share: Share | None = None  # which part of every step this rank computes; None: all
        self.steps_per_epoch = math.ceil(math.ceil(len(rows) / batch_size) / accumulation)
        self._epoch = -1
        self._order: list[list[int]] = []  # the batches of that epoch

    def rows_in_steps(self, steps: int) -> list[int]:
        """Indices of the rows that the first `steps` optimizer steps use."""
        if steps >= self.steps_per_epoch:
            return list(range(len(self.rows)))
        return sorted(i for indices in self._epoch_batches(0)[: steps * self.accumulation] for i in indices)

    def window(self, step: int, replacements: Mapping[int, Any] | None = None) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1, each in as many micro-batches as `max_tokens` and
        `parallel_batches` make of it.

        `replacements` are rows, by index, that stand in for those of the dataset; all of the step's that this rank
        computes are needed.
        """
        rows: Any = self.rows if replacements is None else replacements
        return [batch for part in self.parts(step) for batch in self._collate_parts(rows, part)]

    def parts(self, step: int) -> list["BatchRows"]:
        """The batches of optimizer step `step` as this rank computes them, some of them in part."""
        batches = self.row_indices(step)
        if self.share is None:
            return [BatchRows(indices, indices) for indices in batches]
        tokens = [[len(row_texts(self.rows[i])) * longest_text(self.rows[i]) for i in indices] for indices in batches]
        shares = share_batches(tokens, self.share)
        return [
            BatchRows([batches[s.batch][r] for r in s.rows], batches[s.batch], s.batch if s.is_split else None)
            for s in shares
        ]

    def metrics(self) -> dict[str, float]:
        """Empty: a dataset has no metrics of its own."""
        return {}

    def row_indices(self, step: int) -> list[list[int]]:
        """Indices of the rows in each batch of optimizer step `step`, counted from 1."""
        epoch, step_in_epoch = divmod(step - 1, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._epoch_batches(epoch)
        first = step_in_epoch * self.accumulation
        return self._order[first : first + self.accumulation]

    def _collate_parts(self, rows: Any, part: "BatchRows") -> list[Batch]:
        """A batch, or its micro-batches. Those get an `extra`: how many tokens of a row's first text are learned, as
        the mean over the whole batch."""
        batches = [collate(rows, mine, **self.layout) for mine in self._split(rows, part.mine)] if part.mine else []
        if len(batches) > 1 or part.split is not None:
            learned = sum(int(row_texts(self.rows[i])[0].mask[1:].sum()) for i in part.batch)
            for batch in batches:
                batch.extra["learned_a_row"] = np.full(len(batch.rows), learned / len(part.batch), np.float32)
        return batches if part.split is None else [replace(batch, split=part.split) for batch in batches]

    def _split(self, rows: Any, indices: list[int]) -> list[list[int]]:
        """The rows of a batch as micro-batches, the longest rows first where there are several."""
        tokens = {i: len(row_texts(rows[i])) * longest_text(rows[i]) for i in indices}
        total = max(tokens.values()) * len(indices)
        max_tokens = total if self.max_tokens is None else self.max_tokens
        if self.parallel_batches > 1:
            return _split_evenly(tokens, self.parallel_batches, max_tokens // self.parallel_batches)
        if total <= max_tokens:
            return [indices]
        parts: list[list[int]] = []
        for i in sorted(indices, key=lambda i: -tokens[i]):
            if parts and tokens[parts[-1][0]] * (len(parts[-1]) + 1) <= max_tokens:
                parts[-1].append(i)
            else:
                parts.append([i])
        return parts

    def largest_step(self, steps: int) -> int:
        """Which of the first `steps` optimizer steps of an epoch has the batch that takes the most memory, from 1."""
        plan = self._epoch_batches(0)[: steps * self.accumulation]
        longest = text_lengths(self.rows).max(axis=1)
        sizes = [len(indices) * int(longest[indices].max()) for indices in plan]
        return 1 + sizes.index(max(sizes)) // self.accumulation

    def _epoch_batches(self, epoch: int) -> list[list[int]]:
        """Indices of the rows in each batch of an epoch."""
        count, size = len(self.rows), self.batch_size
        if not self.shuffle:
            return [list(range(i, min(i + size, count))) for i in range(0, count, size)]
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(count)
        longest = text_lengths(self.rows).max(axis=1)
        plan: list[list[int]] = []
        for start in range(0, count, POOL_BATCHES * size):
            pool = order[start : start + POOL_BATCHES * size]
            pool = pool[np.argsort(longest[pool], kind="stable")].tolist()
            plan += [pool[i : i + size] for i in range(0, len(pool), size)]
        return [plan[i] for i in rng.permutation(len(plan))]


class BatchRows(NamedTuple):
    """The rows of a batch that one rank computes."""

    mine: list[int]  # indices; may be none
    batch: list[int]  # those of the whole batch
    split: int | None = None  # its number in the step, where other ranks have the other rows


def _split_evenly(tokens: Mapping[int, int], parallel: int, max_tokens: int) -> list[list[int]]:
    """Rows as micro-batches that take about as long as each other, the largest first.

    `tokens` are those of each row. There are as many micro-batches for each of the `parallel` workers, and so few that
    each stays below `max_tokens` tokens, unless a row alone has more.
    """
    parts: list[list[int]] = []
    for count in range(parallel, len(tokens) + parallel, parallel):
        parts = [[] for _ in range(count)]
        for i in sorted(tokens, key=lambda i: -tokens[i]):
            min(parts, key=lambda part, i=i: tokens[(part or [i])[0]] * (len(part) + 1)).append(i)  # type: ignore[misc]
        if all(tokens[part[0]] * len(part) <= max_tokens for part in parts if part):
            break
    return sorted((part for part in parts if part), key=lambda part: -tokens[part[0]] * len(part))


def batch_by_length(rows: Sequence[Any], batch_size: int, **layout: Any) -> list[Batch]:
    """All rows once, sorted by length, in batches: for evaluation, where order does not matter.

    `layout` are keywords of collate().
    """
    order = np.argsort(text_lengths(rows).max(axis=1), kind="stable").tolist()
    return [collate(rows, order[i : i + batch_size], **layout) for i in range(0, len(order), batch_size)]
