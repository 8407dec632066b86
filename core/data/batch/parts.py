"""A batch that is already collated, as several with fewer rows: what goes through the model at once gets smaller.

The parts' losses and gradients add up to those of the batch where each counts as core.training.train_step weighs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.data.batch.batches import Batch
from core.data.batch.packing import WIDTH_MULTIPLE, Layout, choose_layout, pad_width


@dataclass(frozen=True)
class _Text:
    """A text as choose_layout() takes it."""

    tokens: Any  # [length]


def count_cells(batch: Batch) -> int:
    """Tokens that go through the model for a batch, padding included."""
    return int(batch.tokens.size if batch.layout is None else batch.layout.tokens.size)


def split_batch(batch: Batch, max_tokens: int, multiple: int = WIDTH_MULTIPLE) -> list[Batch]:
    """The batch in parts of up to `max_tokens` tokens with their padding, the longest rows first; a row with more goes
    alone. Arrays are NumPy; widths are multiples of `multiple`.

    Rows that count as means over their batch (see Batches) keep the batch's mean.
    """
    if count_cells(batch) <= max_tokens or len(batch.rows) == 1:
        return [batch]
    tokens = {
        r: max(batch.lengths[n] for n in _texts(batch, r)) * _texts_per_row(batch) for r in range(len(batch.rows))
    }
    parts: list[list[int]] = []
    for r in sorted(tokens, key=lambda r: -tokens[r]):
        if parts and tokens[parts[-1][0]] * (len(parts[-1]) + 1) <= max_tokens:
            parts[-1].append(r)
        else:
            parts.append([r])
    if "learned_a_row" not in batch.extra:
        mean = float(batch.mask[: len(batch.rows)].sum()) / len(batch.rows)
        extra = {**batch.extra, "learned_a_row": np.full(len(batch.rows), mean, np.float32)}
        batch = replace(batch, extra=extra)
    return [take_rows(batch, part, multiple) for part in parts]


def take_rows(batch: Batch, rows: Sequence[int], multiple: int = WIDTH_MULTIPLE) -> Batch:
    """The batch of some rows, as narrow as they allow, laid out anew."""
    texts = [text for kind in zip(*(_texts(batch, r) for r in rows), strict=True) for text in kind]
    lengths = tuple(batch.lengths[n] for n in texts)
    width = 1 + pad_width(max(lengths) - 1, multiple)
    width = min(width, batch.tokens.shape[1])
    tokens, mask = batch.tokens[texts][:, :width], batch.mask[texts][:, : width - 1]
    part = Batch(tokens, mask, lengths, tuple(batch.rows[r] for r in rows))
    extra = {name: _take_values(batch, value, rows, texts, width) for name, value in batch.extra.items()}
    return replace(part, extra=extra, layout=_lay_out(batch.layout, part, multiple))


def _take_values(batch: Batch, value: Any, rows: Sequence[int], texts: Sequence[int], width: int) -> Any:
    """What a method adds, for some rows: values of rows [R], of texts [N], or of texts and targets [N, T-1, ...]."""
    if value.ndim >= 2 and value.shape[:2] == batch.mask.shape:
        return value[list(texts)][:, : width - 1]
    return value[list(rows)] if len(value) == len(batch.rows) else value[list(texts)]


def _lay_out(layout: Layout | None, part: Batch, multiple: int) -> Layout | None:
    """The part's texts laid out by what the whole batch's layout makes use of."""
    if layout is None:
        return None
    texts = [_Text(tokens[:length]) for tokens, length in zip(part.tokens, part.lengths, strict=True)]
    by_row: dict[int, list[int]] = {}
    for n in range(len(texts)):  # answers to one prompt are rows of their own there, with the same number
        by_row.setdefault(part.rows[n % len(part.rows)], []).append(n)
    pack = bool(layout.segments.max() > 1)
    return choose_layout(texts, list(by_row.values()), part.mask, pack, layout.shared, multiple)


def _texts_per_row(batch: Batch) -> int:
    return len(batch.lengths) // len(batch.rows)


def _texts(batch: Batch, row: int) -> range:
    """Indices of the texts of a row: the first text of every row comes before the second of every row."""
    return range(row, len(batch.lengths), len(batch.rows))
