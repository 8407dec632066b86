"""Tokenized texts gathered block by block, and put together at the end: one side to train on, others held out.

At each moment they take little more memory than as a TokenStore.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data.tokenize.encode import note_of_cut
from core.data.tokenize.planned_spans import Ids, Span
from core.data.tokenize.token_store import TokenStore


class TokenizedText(NamedTuple):
    """A text before it is cut and masked."""

    line: int  # of its row in the file, counted from 1
    note: str
    ids: Ids
    spans: Sequence[Span]  # learned


def make_block(texts: Sequence[TokenizedText], pairs: Iterable[int], max_len: int) -> TokenStore:
    """The same as TokenStore.from_texts() of what to_encoded() and align_pair() make of the texts, at once.

    pairs  numbers of the texts that are the first of a pair, the next one being its second
    """
    lengths = np.array([len(text.ids) for text in texts], np.int64)
    cut = np.maximum(0, lengths - max_len)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    mask = np.zeros(int(starts[-1]), np.uint8)
    for text, offset in zip(texts, starts.tolist(), strict=False):
        for start, end in text.spans:
            mask[offset + start : offset + min(end, len(text.ids))] = 1
    mask[starts[:-1][lengths > 0]] = 0  # nothing predicts a first token
    notes = [text.note for text in texts]
    tokens = np.fromiter(chain.from_iterable(text.ids for text in texts), np.int32, len(mask))
    if cut.any():
        for n in np.flatnonzero(cut).tolist():
            notes[n] = note_of_cut(notes[n], mask[starts[n] : starts[n + 1]], max_len)
        kept = np.arange(len(mask)) - np.repeat(starts[:-1], lengths) < max_len
        mask, tokens = mask[kept], tokens[kept]
        starts = np.concatenate([[0], np.cumsum(lengths - cut)])
    _align(mask, starts, np.array([*pairs], np.int64))
    numbers: dict[str, int] = {}
    return TokenStore(
        tokens=tokens,
        mask=np.packbits(mask),
        ends=starts,
        lines=np.array([text.line for text in texts], np.int64),
        cut=cut.astype(np.int32),
        note=np.array([numbers.setdefault(note, len(numbers)) for note in notes], np.int32),
        learned=np.diff(_count_before(mask)[starts]).astype(np.int32),
        notes=tuple(numbers),
    )


def _align(mask: NDArray[np.uint8], starts: NDArray[np.int64], pairs: NDArray[np.int64]) -> None:
    """Let both texts of each pair be learned from the same token on, as align_pair() does."""
    if not len(pairs):
        return
    before, places = _count_before(mask)[starts], np.flatnonzero(mask)
    learned = np.diff(before) > 0
    pairs = pairs[learned[pairs] & learned[pairs + 1]]
    first, second = (places[before[texts]] - starts[texts] for texts in (pairs, pairs + 1))
    differ = np.flatnonzero(first != second)
    low, high = np.minimum(first, second), np.maximum(first, second)
    for n in differ.tolist():
        for text in (pairs[n], pairs[n] + 1):
            mask[starts[text] + low[n] : min(starts[text] + high[n], starts[text + 1])] = 1


def _count_before(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[T + 1]: how many tokens before each are learned."""
    return np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])


class GatheredTexts:
    """Blocks of texts, in the order in which they are added. Their tokens lie in one buffer, in which those of the
    largest side stay in the end: as blocks of their own, what is freed of them would not be given back."""

    def __init__(self) -> None:
        self._tokens = bytearray()
        self._blocks: list[TokenStore] = []  # without their tokens
        self._lengths: list[NDArray[np.int64]] = []  # of the texts of each block

    def add(self, block: TokenStore) -> None:
        self._tokens += np.ascontiguousarray(block.tokens).data.cast("B") if len(block.tokens) else b""
        self._blocks.append(replace(block, tokens=np.zeros(0, np.int32)))
        self._lengths.append(block.lengths)

    def join(self, sides: Sequence[NDArray[np.bool_]]) -> list[TokenStore]:
        """The texts that each side wants, of all texts [N], in their order; no text by two sides. Once only."""
        tokens = np.frombuffer(self._tokens, np.int32)
        lengths = np.concatenate([*self._lengths, np.zeros(0, np.int64)])
        joined = [_Side(wanted, lengths[wanted]) for wanted in sides]
        largest = max(joined, key=lambda side: side.size)
        for side in joined:
            side.tokens = tokens[: side.size] if side is largest else np.empty(side.size, np.int32)
        joined_last = sorted(joined, key=lambda side: side is largest)  # it writes where the others read
        first = start = 0  # text and token
        for block, own in zip(self._blocks, self._lengths, strict=True):
            end = start + int(own.sum())
            bits = np.unpackbits(block.mask, count=end - start)
            for side in joined_last:
                side.add(block, own, tokens[start:end], bits, first)
            first, start = first + len(own), end
        return [side.finish() for side in joined]


class _Side:
    """A store that is filled from the front."""

    tokens: NDArray[np.int32]  # that are filled, [size]

    def __init__(self, wanted: NDArray[np.bool_], lengths: NDArray[np.int64]) -> None:
        """`wanted` [N] of all texts, `lengths` of those that are."""
        self._wanted = wanted
        self._ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self.size = int(self._ends[-1])
        self._mask = np.zeros(-(-self.size // 8), np.uint8)
        self._lines = np.empty(len(lengths), np.int64)
        self._cut, self._note, self._learned = (np.empty(len(lengths), np.int32) for _ in range(3))
        self._notes: dict[str, int] = {}
        self._texts = self._count = 0  # texts and tokens so far
        self._rest = np.zeros(0, np.uint8)  # the mask of the last tokens, fewer than a byte has

    def add(
        self,
        block: TokenStore,
        lengths: NDArray[np.int64],
        block_tokens: NDArray[np.int32],
        bits: NDArray[np.uint8],
        first: int,
    ) -> None:
        """Take what is wanted of a block whose first text is number `first` of all; `bits` is its mask, unpacked."""
        wanted = self._wanted[first : first + len(lengths)]
        kept = np.repeat(wanted, lengths)
        tokens = block_tokens[kept]
        mask = np.concatenate([self._rest, bits[kept]])
        whole, place = len(mask) // 8 * 8, (self._count - len(self._rest)) // 8
        self._mask[place : place + whole // 8] = np.packbits(mask[:whole])
        self._rest = mask[whole:]
        self.tokens[self._count : self._count + len(tokens)] = tokens
        self._count += len(tokens)
        texts = slice(self._texts, self._texts + int(wanted.sum()))
        self._lines[texts], self._cut[texts] = block.lines[wanted], block.cut[wanted]
        self._learned[texts] = block.learned[wanted]
        own = block.note[wanted]
        numbers, places = np.unique(own, return_index=True)
        renumbered = np.zeros(1 + max(numbers, default=0), np.int32)
        for number in numbers[np.argsort(places)].tolist():  # notes count in the order in which they are met
            renumbered[number] = self._notes.setdefault(block.notes[number], len(self._notes))
        self._note[texts] = renumbered[own]
        self._texts = texts.stop

    def finish(self) -> TokenStore:
        if len(self._rest):
            self._mask[-1:] = np.packbits(self._rest)
        return TokenStore(
            tokens=self.tokens,
            mask=self._mask,
            ends=self._ends,
            lines=self._lines,
            cut=self._cut,
            note=self._note,
            learned=self._learned,
            notes=tuple(self._notes),
        )
