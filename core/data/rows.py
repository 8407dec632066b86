"""Encoded rows as a few arrays: they take little memory, and a file of them can be used where it lies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from core.data.template import Encoded


@dataclass(frozen=True, eq=False)
class Rows(Sequence[Encoded]):
    """A sequence of N rows with T tokens in all. A row is made when it is asked for."""

    tokens: NDArray[np.int32]  # [T]
    mask: NDArray[np.uint8]  # [ceil(T / 8)], eight tokens a byte
    ends: NDArray[np.int64]  # [N + 1]: where each row starts, and the last ends
    lines: NDArray[np.int64]  # [N]
    cut: NDArray[np.int32]  # [N]
    note: NDArray[np.int32]  # [N]: which of the notes a row has
    notes: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[Encoded]) -> "Rows":
        made = list(rows)
        notes = {note: n for n, note in enumerate(dict.fromkeys(row.note for row in made))}
        empty: list[NDArray[Any]] = [np.zeros(0, np.int32)]
        return cls(
            tokens=np.concatenate([row.tokens for row in made] or empty).astype(np.int32, copy=False),
            mask=np.packbits(np.concatenate([row.mask for row in made] or empty)),
            ends=np.cumsum([0, *(len(row.tokens) for row in made)], dtype=np.int64),
            lines=np.array([row.line for row in made], np.int64),
            cut=np.array([row.cut for row in made], np.int32),
            note=np.array([notes[row.note] for row in made], np.int32),
            notes=tuple(notes),
        )

    def fits(self) -> bool:
        """Whether the arrays go together, as they do unless somebody has changed them."""
        rows, total = len(self.lines), len(self.tokens)
        return (
            len(self.ends) == rows + 1
            and int(self.ends[0]) == 0
            and int(self.ends[-1]) == total
            and bool((np.diff(self.ends) >= 0).all())
            and len(self.mask) == -(-total // 8)
            and len(self.cut) == len(self.note) == rows
            and (not rows or 0 <= int(self.note.min()) <= int(self.note.max()) < len(self.notes))
        )

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, at: int) -> Encoded: ...
    @overload
    def __getitem__(self, at: slice) -> "Sequence[Encoded]": ...
    def __getitem__(self, at: int | slice) -> "Encoded | Sequence[Encoded]":
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        at = range(len(self))[at]  # negative numbers, and IndexError
        start, end = int(self.ends[at]), int(self.ends[at + 1])
        bits = np.unpackbits(self.mask[start // 8 : -(-end // 8)])[start % 8 : start % 8 + end - start]
        note = self.notes[int(self.note[at])]
        return Encoded(int(self.lines[at]), self.tokens[start:end], bits.view(np.int8), int(self.cut[at]), note)
