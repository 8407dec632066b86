"""The positions of rows in large files, so that any page of them can be read without what stands before it."""

import itertools
from array import array
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.read.packed import PACKED_ENDINGS, ZIP
from core.data.read.reader import Row, iterate_rows
from core.data.read.source import FILE_START, Position, Source

ROWS_PER_MARK = 256  # rows between two marks


@dataclass(frozen=True)
class RowIndex:
    """Positions ("marks") of some rows. Rows are counted over all files from 0.

    In files in which positions cannot be told there is one mark at the top, and their pages are read from there.
    Packed files are unpacked up to the page.
    """

    files: tuple[str, ...]
    marks: NDArray[np.int64]  # [M, 4]: row, number of the file, bytes before the row, line
    rows: int

    @property
    def is_fast(self) -> bool:
        """Whether any page can be read without much of what stands before it."""
        packed = any(name.lower().endswith((*PACKED_ENDINGS, ZIP)) for name in self.files)
        return not packed and 4 * ROWS_PER_MARK * len(self.marks) >= self.rows

    def read(self, start: int, count: int) -> list[Row]:
        """Rows `start` to `start + count` as they stand in the files, fewer at the end.

        Raises what read_rows() raises.
        """
        return [row for _, row in self.read_located(start, count)]

    def read_located(self, start: int, count: int) -> list[tuple[str, Row]]:
        """(file, row) of the same rows."""
        with closing(self.iterate_from(start)) as rows:
            return list(itertools.islice(rows, count))

    def iterate_from(self, start: int) -> Generator[tuple[str, Row], None, None]:
        """(file, row) from row `start` to the last. Raises what read_rows() raises."""
        start = max(0, start)
        if not len(self.marks):
            return
        row, file, offset, line = (int(n) for n in self.marks[np.searchsorted(self.marks[:, 0], start, "right") - 1])
        for number, name in enumerate(self.files[file:]):
            for item in iterate_rows(Source(Path(name), (offset, line)) if not number else Source(Path(name))):
                if row >= self.rows:
                    return
                if isinstance(item, Row):
                    if row >= start:
                        yield name, item
                    row += 1


class MarkCollector:
    """Collects the marks of a RowIndex while files are read: one at each file's top, one every ROWS_PER_MARK rows."""

    def __init__(self) -> None:
        self._marks = array("q")
        self._next_row, self._file, self._offset = 0, -1, -1

    def add(self, row: int, file: int, position: Position) -> None:
        """Take in a row: its number over all files from 0, its file's number, and where its value begins."""
        is_new_file = file != self._file
        # Rows that share one value have one position; a mark at any but the first would lose those before it.
        if is_new_file or (row >= self._next_row and position[0] > self._offset):
            self._marks.extend((row, file, *(FILE_START if is_new_file else position)))
            self._next_row = row + ROWS_PER_MARK
        self._file, self._offset = file, position[0]

    def to_array(self) -> NDArray[np.int64]:
        """[M, 4] int64, a copy."""
        return np.array(self._marks, dtype=np.int64).reshape(-1, 4)
