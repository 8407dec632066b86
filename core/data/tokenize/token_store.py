"""Encoded texts as a few arrays: they take little memory, and a file of them can be used where it lies."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

import numpy as np
from numpy.typing import NDArray

from core.data.tokenize.encode import Encoded


@dataclass(frozen=True, eq=False)
class TokenStore(Sequence[Encoded]):
    """A sequence of N texts with T tokens in all. An Encoded is made when it is asked for."""

    tokens: NDArray[np.int32]  # [T]
    mask: NDArray[np.uint8]  # [ceil(T / 8)], eight tokens a byte
    ends: NDArray[np.int64]  # [N + 1]: where each text starts, and the last ends
    lines: NDArray[np.int64]  # [N]
    cut: NDArray[np.int32]  # [N]
    note: NDArray[np.int32]  # [N]: index of the text's note in `notes`
    notes: tuple[str, ...]

    @classmethod
    def from_texts(cls, texts: Iterable[Encoded]) -> "TokenStore":
        """Take the texts in one by one: as objects all of them would need several times the memory."""
        tokens, mask, notes = bytearray(), bytearray(), dict[str, int]()
        lengths, lines, cut, note = array("q", [0]), array("q"), array("i"), array("i")
        for text in texts:
            tokens += text.tokens.astype(np.int32, copy=False).tobytes()
            mask += text.mask.astype(np.int8, copy=False).tobytes()
            lengths.append(len(text.tokens))
            lines.append(text.line)
            cut.append(text.cut)
            note.append(notes.setdefault(text.note, len(notes)))
        return cls(
            tokens=np.frombuffer(tokens, np.int32),
            mask=np.packbits(np.frombuffer(mask, np.uint8)),
            ends=np.cumsum(np.array(lengths, np.int64)),
            lines=np.array(lines, np.int64),
            cut=np.array(cut, np.int32),
            note=np.array(note, np.int32),
            notes=tuple(notes),
        )

    def is_consistent(self) -> bool:
        """Whether the arrays fit each other, as they do unless a file was changed."""
        count, total = len(self.lines), len(self.tokens)
        return (
            len(self.ends) == count + 1
            and int(self.ends[0]) == 0
            and int(self.ends[-1]) == total
            and bool((np.diff(self.ends) >= 0).all())
            and len(self.mask) == -(-total // 8)
            and len(self.cut) == len(self.note) == count
            and (not count or 0 <= int(self.note.min()) <= int(self.note.max()) < len(self.notes))
        )

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> Encoded: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Encoded]: ...
    def __getitem__(self, index: int | slice) -> Encoded | Sequence[Encoded]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        index = range(len(self))[index]  # negative numbers, and IndexError
        start, end = int(self.ends[index]), int(self.ends[index + 1])
        bits = np.unpackbits(self.mask[start // 8 : -(-end // 8)])[start % 8 : start % 8 + end - start]
        note = self.notes[int(self.note[index])]
        return Encoded(int(self.lines[index]), self.tokens[start:end], bits.view(np.int8), int(self.cut[index]), note)


class EncodedRows(Sequence[tuple[Encoded, ...]]):
    """A sequence of rows, each the tuple of its texts, as encode_examples() returns it. A row is made when it is asked
    for; `texts` holds the texts of all rows one after the other."""

    def __init__(self, texts: Sequence[Encoded], counts: Iterable[int]) -> None:
        """`counts` are the numbers of texts of each row."""
        self.texts = texts
        self._starts = array("q", accumulate(counts, initial=0))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> tuple[Encoded, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[Encoded, ...]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Encoded, ...] | Sequence[tuple[Encoded, ...]]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        index = range(len(self))[index]  # negative numbers, and IndexError
        return tuple(self.texts[self._starts[index] : self._starts[index + 1]])
