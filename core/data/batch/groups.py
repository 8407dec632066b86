"""Rows whose texts go through the model together: the two answers of a pair, an answer and what it is measured by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.data.tokenize.encode import Encoded


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """One row of the dataset. Every row of a dataset has the same number of texts and the same values."""

    texts: tuple[Encoded, ...]
    values: Mapping[str, float] = field(default_factory=dict)  # numbers a loss finds in batch.extra, [N] each

    @property
    def line(self) -> int:
        return self.texts[0].line

    @property
    def cut(self) -> int:
        return max(text.cut for text in self.texts)

    @property
    def note(self) -> str:
        return next((text.note for text in self.texts if text.note), "")


def row_texts(row: Any) -> tuple[Any, ...]:
    """The texts of a row (a Group, or an Encoded, which is its own single text)."""
    return row.texts if isinstance(row, Group) else (row,)


def longest_text(row: Any) -> int:
    """Tokens of the row's longest text."""
    return max(len(text.tokens) for text in row_texts(row))


def has_targets(row: Any) -> bool:
    """Whether there is something to learn in every text of the row."""
    return all(bool(text.mask.any()) for text in row_texts(row))
