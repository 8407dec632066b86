"""Rows of several texts that go through the model together, such as the two answers of a preference pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from core.data.tokenize.encode import Encoded
from core.data.tokenize.token_store import TokenStore


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


@dataclass(frozen=True, eq=False)
class GroupRows(Sequence[Group]):
    """A sequence of R groups of K texts each, which lie in a TokenStore one after the other. A Group is made when it is
    asked for."""

    texts: TokenStore  # R x K
    per_row: int  # K
    values: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)  # [R] each

    def __len__(self) -> int:
        return len(self.texts) // self.per_row

    @overload
    def __getitem__(self, index: int) -> Group: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Group]: ...
    def __getitem__(self, index: int | slice) -> Group | Sequence[Group]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        index = range(len(self))[index]  # negative numbers, and IndexError
        texts = self.texts[index * self.per_row : (index + 1) * self.per_row]
        return Group(tuple(texts), {name: float(values[index]) for name, values in self.values.items()})


def text_lengths(rows: Sequence[Any]) -> NDArray[np.int64]:
    """[R, K]: tokens of each text of every row."""
    if isinstance(rows, TokenStore):
        return rows.lengths[:, None]
    if isinstance(rows, GroupRows):
        return rows.texts.lengths.reshape(-1, rows.per_row)
    lengths = [[len(text.tokens) for text in row_texts(row)] for row in rows]
    return np.array(lengths, np.int64).reshape(len(rows), -1) if len(rows) else np.zeros((0, 1), np.int64)
