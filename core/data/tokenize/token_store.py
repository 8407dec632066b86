"""Encoded rows as a few arrays: they take little memory, and a file of them can be used where it lies."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from core.data.tokenize.encode import Encoded


@dataclass(frozen=True, eq=False)
class TokenStore(Sequence[Encoded]):
    """A sequence of N rows with T tokens in all. A row is made when it is asked for."""

    tokens: NDArray[np.int32]  # [T]
    mask: NDArray[np.uint8]  # [ceil(T / 8)], eight tokens a byte
    ends: NDArray[np.int64]  # [N + 1]: where each row starts, and the last ends
    lines: NDArray[np.int64]  # [N]
    cut: NDArray[np.int32]  # [N]
    note: NDArray[np.int32]  # [N]: which of the notes a row has
    notes: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[Encoded]) -> "TokenStore":
        """Take them in one by one: as objects all of them would need several times the memory."""
        tokens, mask, notes = bytearray(), bytearray(), dict[str, int]()
        lengths, lines, cut, note = array("q", [0]), array("q"), array("i"), array("i")
        for row in rows:
            tokens += row.tokens.astype(np.int32, copy=False).tobytes()
            mask += row.mask.astype(np.int8, copy=False).tobytes()
            lengths.append(len(row.tokens))
            lines.append(row.line)
            cut.append(row.cut)
            note.append(notes.setdefault(row.note, len(notes)))
        return cls(
            tokens=np.frombuffer(tokens, np.int32),
            mask=np.packbits(np.frombuffer(mask, np.uint8)),
            ends=np.cumsum(np.array(lengths, np.int64)),
            lines=np.array(lines, np.int64),
            cut=np.array(cut, np.int32),
            note=np.array(note, np.int32),
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
