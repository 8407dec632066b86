"""Pages of a dataset's rows for people: each as it stands in the file, with its examples or its problem."""

import itertools
import json
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.check.row_parser import RowParser
from core.data.format.example import Example, Unusable
from core.data.read.index import RowIndex
from core.data.read.reader import Row

_ROWS_PER_REPORT = 2000  # rows between two reports of progress
_KEY_BYTES = 24  # of a text by which rows are sorted: enough for people, little memory


@dataclass(frozen=True)
class PreviewRow:
    """One row of a dataset."""

    number: int  # counted from 0 over all files
    file: str
    row: Row
    examples: tuple[Example, ...] = ()
    problem: str = ""  # why nothing can be learned from it


@dataclass(frozen=True)
class RowSearch:
    """The state of a search for rows, or of sorting them."""

    rows_read: int
    total: int  # rows of the dataset
    rows: NDArray[np.int64] | None  # [N] numbers of the rows, from 0; None while their order is not known yet


def read_page(index: RowIndex, parser: RowParser, numbers: Sequence[int]) -> list[PreviewRow]:
    """The rows with these numbers (from 0), in this order; numbers behind the last row are left out.

    Raises what read_rows() raises.
    """
    rows: dict[int, PreviewRow] = {}
    for _, group in itertools.groupby(enumerate(sorted(set(numbers))), lambda pair: pair[1] - pair[0]):
        block = [number for _, number in group]
        for number, (file, row) in zip(block, index.read_located(block[0], len(block)), strict=False):
            rows[number] = preview_row(number, file, row, parser)
    return [rows[number] for number in numbers if number in rows]


def preview_row(number: int, file: str, row: Row, parser: RowParser) -> PreviewRow:
    """A row with its examples, or with its problem."""
    try:
        return PreviewRow(number, file, row, parser.parse(parser.map_columns(row)).examples)
    except Unusable as problem:
        return PreviewRow(number, file, row, problem=problem.remark.message)


def search_rows(
    index: RowIndex,
    parser: RowParser,
    words: str = "",
    key: Callable[[PreviewRow], str | int] | None = None,
    descending: bool = False,
) -> Generator[RowSearch, None, None]:
    """Find the rows that hold every one of the words, in any case; all rows for no words.

    Their numbers come in the files' order, or sorted by `key`. Yields the state so far every now and then, and the
    result at the end. Closing the generator ends the work. Raises what read_rows() raises.
    """
    search_words = words.casefold().split()
    numbers, keys = array("q"), _SortKeys()
    with closing(index.iterate_from(0)) as rows:
        for number, (file, row) in enumerate(rows):
            if not search_words or _has_words(row, search_words):
                numbers.append(number)
                if key is not None:
                    keys.add(key(preview_row(number, file, row, parser)))
            if number % _ROWS_PER_REPORT == _ROWS_PER_REPORT - 1:
                yield RowSearch(number + 1, index.rows, None if key else np.array(numbers, np.int64))
    result = np.array(numbers, np.int64)
    yield RowSearch(index.rows, index.rows, result[keys.order(descending)] if key else result)


def _has_words(row: Row, words: Sequence[str]) -> bool:
    text = json.dumps(row.value, ensure_ascii=False, default=str).casefold()
    return all(word in text for word in words)


class _SortKeys:
    """The values by which rows are sorted: integers, or the beginnings of texts."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._texts = bytearray()

    def add(self, value: str | int) -> None:
        if isinstance(value, int):
            self._numbers.append(value)
            return
        start = " ".join(value[: 4 * _KEY_BYTES].casefold().split())
        self._texts += start.encode("utf-8", "replace")[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0")

    def order(self, descending: bool) -> NDArray[np.int64]:
        """Indices of the keys in ascending or descending order; equal keys keep their order."""
        keys: NDArray[np.int64] | NDArray[np.bytes_] = np.array(self._numbers, np.int64)
        if self._texts:
            keys = np.frombuffer(bytes(self._texts), f"S{_KEY_BYTES}")
        if not descending:
            return np.argsort(keys, kind="stable")
        return len(keys) - 1 - np.argsort(keys[::-1], kind="stable")[::-1]


def sample_blocks(index: RowIndex, count: int, block_rows: int = 64) -> Iterator[list[tuple[int, str, Row]]]:
    """(number, file, row) of about `count` rows from all over the files, in blocks of neighbours; all rows if there are
    no more. Numbers count from 0. Raises what read_rows() raises."""
    blocks = -(-min(count, index.rows) // block_rows)
    starts = [n * block_rows for n in range(blocks)]
    if index.rows > count:
        starts = np.linspace(0, index.rows - block_rows, blocks).astype(int).tolist()
    elif not index.rows:
        return
    if index.is_fast and index.rows > count:
        for start in starts:
            yield [(start + n, *pair) for n, pair in enumerate(index.read_located(start, block_rows))]
        return
    with closing(index.iterate_from(0)) as rows:
        position = 0
        for start in starts:
            block = itertools.islice(rows, start - position, start - position + block_rows)
            yield [(start + n, *pair) for n, pair in enumerate(block)]
            position = start + block_rows
