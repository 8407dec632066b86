"""Pages of a dataset's rows for people: as they stand in the file, with what each means or why it means nothing."""

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

_REPORT = 2000  # rows between two reports of progress
_LETTERS = 24  # bytes of a text that rows are sorted by: enough for people, little memory


@dataclass(frozen=True)
class PreviewRow:
    """Row `number` of a dataset, counted from 0. `problem` says why nothing can be learned from it, else is ""."""

    number: int
    file: str
    row: Row
    examples: tuple[Example, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class RowSearch:
    """Rows with certain words in them, or in another order. `rows` is None while the order is not known yet."""

    looked: int  # rows gone through
    total: int
    rows: NDArray[np.int64] | None


def read_page(index: RowIndex, meaning: RowParser, numbers: Sequence[int]) -> list[PreviewRow]:
    """These rows, in this order. Raises what read() raises."""
    made: dict[int, PreviewRow] = {}
    wanted = sorted(set(numbers))
    for _, group in itertools.groupby(enumerate(wanted), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        for number, (file, row) in zip(run, index.page(run[0], len(run)), strict=False):
            made[number] = preview_row(number, file, row, meaning)
    return [made[number] for number in numbers if number in made]


def preview_row(number: int, file: str, row: Row, meaning: RowParser) -> PreviewRow:
    """A row with its meaning."""
    try:
        return PreviewRow(number, file, row, meaning.of(meaning.named(row))[0])
    except Unusable as problem:
        return PreviewRow(number, file, row, problem=problem.remark.message)


def search_rows(
    index: RowIndex,
    meaning: RowParser,
    words: str = "",
    key: Callable[[PreviewRow], str | int] | None = None,
    descending: bool = False,
) -> Generator[RowSearch, None, None]:
    """The numbers of the rows that hold every one of the words, upper and lower case alike; all rows for no words.

    In the files' order, or sorted by `key`. Yields what has been found so far every now and then, and the whole
    at the end. Closing the generator ends the work. Raises what read() raises.
    """
    wanted = words.casefold().split()
    numbers, keys = array("q"), _Keys()
    with closing(index.since(0)) as rows:
        for number, (file, row) in enumerate(rows):
            if not wanted or _holds(row, wanted):
                numbers.append(number)
                if key is not None:
                    keys.add(key(preview_row(number, file, row, meaning)))
            if number % _REPORT == _REPORT - 1:
                yield RowSearch(number + 1, index.rows, None if key else np.array(numbers, np.int64))
    made = np.array(numbers, np.int64)
    yield RowSearch(index.rows, index.rows, made[keys.order(descending)] if key else made)


def _holds(row: Row, words: Sequence[str]) -> bool:
    text = json.dumps(row.value, ensure_ascii=False, default=str).casefold()
    return all(word in text for word in words)


class _Keys:
    """What rows are sorted by: whole numbers, or the beginnings of texts."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._texts = bytearray()

    def add(self, value: str | int) -> None:
        if isinstance(value, int):
            self._numbers.append(value)
            return
        start = " ".join(value[: 4 * _LETTERS].casefold().split())
        self._texts += start.encode("utf-8", "replace")[:_LETTERS].ljust(_LETTERS, b"\0")

    def order(self, descending: bool) -> NDArray[np.int64]:
        """Places in ascending or descending order; those that are equal stay as they were."""
        keys: NDArray[np.int64] | NDArray[np.bytes_] = np.array(self._numbers, np.int64)
        if self._texts:
            keys = np.frombuffer(bytes(self._texts), f"S{_LETTERS}")
        if not descending:
            return np.argsort(keys, kind="stable")
        return len(keys) - 1 - np.argsort(keys[::-1], kind="stable")[::-1]


def sample_blocks(index: RowIndex, count: int, at_once: int = 64) -> Iterator[list[tuple[int, str, Row]]]:
    """(number, file, row) of about `count` rows from all over the files, some neighbours at a time; all if few."""
    blocks = -(-min(count, index.rows) // at_once)
    starts = [n * at_once for n in range(blocks)]
    if index.rows > count:
        starts = np.linspace(0, index.rows - at_once, blocks).astype(int).tolist()
    elif not index.rows:
        return
    if index.quick and index.rows > count:
        for start in starts:
            yield [(start + n, *pair) for n, pair in enumerate(index.page(start, at_once))]
        return
    with closing(index.since(0)) as rows:
        place = 0
        for start in starts:
            rows_there = itertools.islice(rows, start - place, start - place + at_once)
            yield [(start + n, *pair) for n, pair in enumerate(rows_there)]
            place = start + at_once
