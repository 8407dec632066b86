"""How long the examples are in tokens, and what a maximum length would do to them."""

from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.check.exclude import excluded_rows
from core.data.check.row_parser import RowParser
from core.data.format.example import Example, Unusable, example_texts, is_prompt_only
from core.data.preview.page import sample_blocks
from core.data.read.index import RowIndex
from core.data.read.reader import Row
from core.data.tokenize.encode import Encoded
from core.data.tokenize.encoding import encode_examples

UNLIMITED = 1 << 30  # as a maximum length
NEVER = UNLIMITED  # the first learned token of a text in which nothing is learned
SAMPLE_ROWS = 20_000  # rows that are measured unless all are asked for
_EXAMPLES_AT_ONCE, _CHARACTERS_AT_ONCE = 512, 1 << 23  # measured between two reports, whichever is reached first


@dataclass(frozen=True)
class Lengths:
    """Lengths of N examples in tokens; of a preference pair, of its longer text."""

    longest: NDArray[np.int32]  # [N]
    starts: NDArray[np.int32]  # [N]: the first learned token; 0 for a prompt alone, NEVER where nothing is learned
    rows_read: int
    rows: int  # of the dataset

    @property
    def is_complete(self) -> bool:
        """Whether all rows were measured."""
        return self.rows_read >= self.rows

    def count_cut(self, max_len: int) -> int:
        """How many examples are longer than `max_len` tokens."""
        return int((self.longest > max_len).sum())

    def count_without_targets(self, max_len: int) -> int:
        """How many examples have nothing to learn within `max_len` tokens."""
        return int((self.starts >= max_len).sum())


def example_lengths(texts: Sequence[tuple[Encoded, ...]], examples: Sequence[Example]) -> tuple[list[int], list[int]]:
    """(longest, starts) of examples, as in Lengths, from their encoded texts, which must not be cut."""
    longest = [max(len(text.tokens) for text in row) for row in texts]
    starts = [0 if is_prompt_only(e) else max(map(_first_target, row)) for row, e in zip(texts, examples, strict=True)]
    return longest, starts


def measure_lengths(
    index: RowIndex,
    parser: RowParser,
    tokenizer: Any,
    *,
    train_on: str,
    exclude: Collection[str] = (),
    max_rows: int | None = SAMPLE_ROWS,
) -> Generator[Lengths, None, None]:
    """The lengths of about `max_rows` rows from all over the files, None for all of them.

    `train_on` is that of encode_example(), `exclude` that of load_dataset(). Yields what is known so far every now and
    then, and the result at the end. Closing the generator ends the work. Raises what read_rows() raises.
    """
    longest, starts = np.zeros(0, np.int32), np.zeros(0, np.int32)
    rows_read = size = 0
    skipped_rows = excluded_rows(exclude)
    pending: list[Example] = []
    count = index.rows if max_rows is None else max_rows
    total = min(count, index.rows)
    for block in sample_blocks(index, count):
        rows_read += len(block)
        new = _parse_rows((row for n, _, row in block if n + 1 not in skipped_rows), parser, exclude)
        size += sum(len(text) for example in new for text in example_texts(example))
        pending += new
        if len(pending) < _EXAMPLES_AT_ONCE and size < _CHARACTERS_AT_ONCE and rows_read < total:
            continue
        texts = encode_examples(pending, tokenizer, train_on=train_on, max_len=UNLIMITED)
        more_longest, more_starts = example_lengths(texts, pending)
        longest = np.append(longest, np.array(more_longest, np.int32))
        starts = np.append(starts, np.array(more_starts, np.int32))
        pending, size = [], 0
        yield Lengths(longest, starts, min(rows_read, index.rows), index.rows)


def _parse_rows(rows: Iterable[Row], parser: RowParser, exclude: Collection[str]) -> list[Example]:
    """The examples of the rows that can be used and are not left out for a finding."""
    examples: list[Example] = []
    for row in rows:
        try:
            parsed = parser.parse(parser.map_columns(row))
        except Unusable:
            continue
        if not any(remark.code in exclude for remark in parsed.remarks):
            examples += parsed.examples
    return examples


def _first_target(text: Encoded) -> int:
    return int(text.mask.argmax()) if text.mask.any() else NEVER
