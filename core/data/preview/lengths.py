"""How long the rows are in tokens, and what a maximum would do to them."""

from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.check.exclude import excluded_rows
from core.data.check.row_parser import RowParser
from core.data.format.example import Example, Unusable, is_prompt_only
from core.data.preview.page import sample_blocks
from core.data.read.index import RowIndex
from core.data.read.reader import Row
from core.data.tokenize.encode import Encoded
from core.data.tokenize.encoding import encode_examples

UNLIMITED = 1 << 30
NEVER = UNLIMITED  # where a row that has nothing to learn would begin to be learned
SAMPLE_ROWS = 20_000  # rows looked at unless all are asked for
_AT_ONCE = 512  # rows between two reports


@dataclass(frozen=True)
class Lengths:
    """Of N examples: the tokens of each, of a pair of its longer text; and the token from which it is learned, 0 for
    a question, in which nothing is."""

    longest: NDArray[np.int32]  # [N]
    starts: NDArray[np.int32]  # [N]
    looked: int  # rows gone through
    excluded_rows: int  # that there are

    @property
    def all(self) -> bool:
        return self.looked >= self.rows

    def cut(self, most: int) -> int:
        """How many are longer than `most` tokens."""
        return int((self.longest > most).sum())

    def count_without_targets(self, most: int) -> int:
        """How many have nothing to learn within `most` tokens."""
        return int((self.starts >= most).sum())


def example_lengths(texts: Sequence[tuple[Encoded, ...]], examples: Sequence[Example]) -> tuple[list[int], list[int]]:
    """(longest, starts) of examples from their texts, which must not be cut."""
    longest = [max(len(text.tokens) for text in row) for row in texts]
    starts = [0 if is_prompt_only(e) else max(map(_start, row)) for row, e in zip(texts, examples, strict=True)]
    return longest, starts


def measure_lengths(
    index: RowIndex,
    meaning: RowParser,
    tokenizer: Any,
    *,
    train_on: str,
    exclude: Collection[str] = (),
    most: int | None = SAMPLE_ROWS,
) -> Generator[Lengths, None, None]:
    """The lengths of about `most` rows from all over the files, None for all of them: what is known so far every now
    and then, and the whole at the end. Closing the generator ends the work. Raises what read() raises."""
    longest, starts = np.zeros(0, np.int32), np.zeros(0, np.int32)
    looked = 0
    left_out = excluded_rows(exclude)
    waiting: list[Example] = []
    total = index.rows if most is None else min(most, index.rows)
    for block in sample_blocks(index, index.rows if most is None else most):
        looked += len(block)
        waiting += _examples((row for n, _, row in block if n + 1 not in left_out), meaning, exclude)
        if len(waiting) < _AT_ONCE and looked < total:
            continue
        texts = encode_examples(waiting, tokenizer, train_on=train_on, max_len=UNLIMITED)
        more = example_lengths(texts, waiting)
        longest, starts = (np.append(a, np.array(b, np.int32)) for a, b in zip((longest, starts), more, strict=True))
        waiting = []
        yield Lengths(longest, starts, min(looked, index.rows), index.rows)


def _examples(rows: Iterable[Row], meaning: RowParser, exclude: Collection[str]) -> list[Example]:
    made: list[Example] = []
    for row in rows:
        try:
            examples, remarks = meaning.of(meaning.named(row))
        except Unusable:
            continue
        if not any(remark.code in exclude for remark in remarks):
            made += examples
    return made


def _start(text: Encoded) -> int:
    return int(text.mask.argmax()) if text.mask.any() else NEVER
