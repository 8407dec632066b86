"""Rows of several texts that go through the model together, such as the two answers of a preference pair."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.data.tokenize.encode import Encoded


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """One row of the dataset as several texts. Every row of a dataset has the same number of texts and the same
    values."""

    texts: tuple[Encoded, ...]
    values: Mapping[str, float] = field(default_factory=dict)  # numbers that a loss finds in batch.extra, [R] each

    @property
    def line(self) -> int:
        return self.texts[0].line

    @property
    def cut(self) -> int:
        """Tokens that were cut off, of the text that lost most."""
        return max(text.cut for text in self.texts)

    @property
    def note(self) -> str:
        """The first note of a text, "" without one."""
        return next((text.note for text in self.texts if text.note), "")


def row_texts(row: Any) -> tuple[Any, ...]:
    """The texts of a row: those of a Group; an Encoded is its own single text."""
    return row.texts if isinstance(row, Group) else (row,)


def longest_text(row: Any) -> int:
    """Tokens of the row's longest text."""
    return max(len(text.tokens) for text in row_texts(row))


def has_targets(row: Any) -> bool:
    """Whether every text of the row has a token to learn."""
    return all(bool(text.mask.any()) for text in row_texts(row))
