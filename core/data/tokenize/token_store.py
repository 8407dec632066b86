"""Encoded texts as a few arrays: they take little memory, and a file of them can be used where it lies."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    learned: NDArray[np.int32]  # [N]: how many tokens of the text are learned
    notes: tuple[str, ...]

    @classmethod
    def from_texts(cls, texts: Iterable[Encoded]) -> "TokenStore":
        """Take the texts in one by one: as objects all of them would need several times the memory."""
        tokens, mask, notes = bytearray(), bytearray(), dict[str, int]()
        lengths, lines, cut, note, learned = array("q", [0]), array("q"), array("i"), array("i"), array("i")
        for text in texts:
            tokens += text.tokens.astype(np.int32, copy=False).tobytes()
            mask += text.mask.astype(np.int8, copy=False).tobytes()
            lengths.append(len(text.tokens))
            lines.append(text.line)
            cut.append(text.cut)
            note.append(notes.setdefault(text.note, len(notes)))
            learned.append(int(np.count_nonzero(text.mask)))
        return cls(
            tokens=np.frombuffer(tokens, np.int32),
            mask=np.packbits(np.frombuffer(mask, np.uint8)),
            ends=np.cumsum(np.array(lengths, np.int64)),
            lines=np.array(lines, np.int64),
            cut=np.array(cut, np.int32),
            note=np.array(note, np.int32),
            learned=np.array(learned, np.int32),
            notes=tuple(notes),
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[N]: tokens of each text."""
        return np.diff(self.ends)

    def take(self, wanted: NDArray[np.bool_]) -> "TokenStore":
        """The texts that are `wanted` [N], in their order."""
        lengths = self.lengths
        kept = np.repeat(wanted, lengths)
        return TokenStore(
            tokens=self.tokens[kept],
            mask=np.packbits(np.unpackbits(self.mask, count=len(self.tokens))[kept]),
            ends=np.cumsum(np.concatenate([[0], lengths[wanted]]), dtype=np.int64),
            lines=self.lines[wanted],
            cut=self.cut[wanted],
            note=self.note[wanted],
            learned=self.learned[wanted],
            notes=self.notes,
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
            and len(self.cut) == len(self.note) == len(self.learned) == count
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
