"""What there is to say about the rows of a dataset, counted once, over whole arrays: a million rows take a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.tokenize.token_store import TokenStore
from core.text.sentence import split_lines


@dataclass(frozen=True)
class RowCounts:
    """Counts over rows of one text or several; all but `rows` and `notes` are of those with something to learn."""

    rows: int  # before those without anything to learn were left out
    notes: tuple[tuple[str, int], ...]  # what the rows' notes say, and how many rows do, the most frequent first
    tokens: int
    learned: int  # tokens
    cut: int  # rows
    identical: int  # rows whose texts are the same behind the cut
    stopping: bool  # whether a row is learned up to a token that ends an answer


def count_rows(texts: TokenStore, per_row: int, kept: NDArray[np.bool_], stops: Sequence[int]) -> RowCounts:
    """The counts over rows of `per_row` texts each.

    kept   [R]: the rows that have something to learn in every text
    stops  ids of the tokens that end an answer
    """
    shape = (-1, per_row)
    lengths, learned = texts.lengths.reshape(shape)[kept], texts.learned.reshape(shape)[kept]
    return RowCounts(
        rows=len(kept),
        notes=tuple(_count_notes(texts, per_row)),
        tokens=int(lengths.sum()),
        learned=int(learned.sum()),
        cut=int((texts.cut.reshape(shape)[kept] > 0).any(axis=1).sum()),
        identical=_count_identical(texts, per_row, kept),
        stopping=any(_is_stopping(texts, row, per_row, stops) for row in np.flatnonzero(kept).tolist()),
    )


def _count_notes(texts: TokenStore, per_row: int) -> list[tuple[str, int]]:
    """Of each row the first note counts."""
    is_empty = np.array([not note for note in texts.notes], bool)
    numbers = texts.note.reshape(-1, per_row)
    if not len(numbers):
        return []
    first = np.argmin(is_empty[numbers], axis=1)
    counts: dict[str, int] = {}
    for number, rows in enumerate(np.bincount(numbers[np.arange(len(numbers)), first], minlength=len(texts.notes))):
        for line in split_lines(texts.notes[number]) if rows else ():
            counts[line] = counts.get(line, 0) + int(rows)
    return sorted(counts.items(), key=lambda item: -item[1])


def _count_identical(texts: TokenStore, per_row: int, kept: NDArray[np.bool_]) -> int:
    """Rows whose first text has the same tokens as another."""
    lengths = texts.lengths.reshape(-1, per_row)
    alike = kept & (lengths[:, 1:] == lengths[:, :1]).any(axis=1)
    return sum(_has_same_texts(texts[row * per_row : (row + 1) * per_row]) for row in np.flatnonzero(alike).tolist())


def _has_same_texts(row: Sequence[Any]) -> bool:
    first, *more = row
    return any(np.array_equal(first.tokens, text.tokens) for text in more)


def _is_stopping(texts: TokenStore, row: int, per_row: int, stops: Sequence[int]) -> bool:
    """Whether one of the tokens that end an answer is learned in every text of a row."""
    return all(
        bool(np.isin(text.tokens[text.mask == 1], stops).any()) for text in texts[row * per_row : (row + 1) * per_row]
    )
