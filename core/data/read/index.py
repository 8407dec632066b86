"""Where the rows of large files stand, so that any page of them can be read without what is before it."""

import itertools
from array import array
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.read.reader import Row, rows_of
from core.data.read.source import TOP, Place, Source

EVERY = 256  # rows between two marks


@dataclass(frozen=True)
class Index:
    """Marks at some rows, counted over all files from 0. In files in which places cannot be told there is one
    mark at the top: their pages are read from there. Gzipped files are unpacked up to the page."""

    files: tuple[str, ...]
    marks: NDArray[np.int64]  # [M, 4]: row, file, bytes before it, line
    rows: int

    @property
    def quick(self) -> bool:
        """Whether any page can be read without much of what is before it."""
        zipped = any(name.lower().endswith(".gz") for name in self.files)
        return not zipped and 4 * EVERY * len(self.marks) >= self.rows

    def read(self, start: int, count: int) -> list[Row]:
        """Rows `start` to `start + count` as they stand in the files; fewer at the end. Raises what read() raises."""
        return [row for _, row in self.page(start, count)]

    def page(self, start: int, count: int) -> list[tuple[str, Row]]:
        """The same rows, each with the file it stands in."""
        with closing(self.since(start)) as rows:
            return list(itertools.islice(rows, count))

    def since(self, start: int) -> Generator[tuple[str, Row], None, None]:
        """(file, row) from row `start` to the last."""
        start = max(0, start)
        if not len(self.marks):
            return
        row, file, offset, line = (int(n) for n in self.marks[np.searchsorted(self.marks[:, 0], start, "right") - 1])
        for number, name in enumerate(self.files[file:]):
            for item in rows_of(Source(Path(name), (offset, line)) if not number else Source(Path(name))):
                if row >= self.rows:
                    return
                if isinstance(item, Row):
                    if row >= start:
                        yield name, item
                    row += 1


class Marks:
    """Collects an index's marks while files are read."""

    def __init__(self) -> None:
        self._table = array("q")
        self._next, self._file, self._offset = 0, -1, -1

    def row(self, row: int, file: int, place: Place) -> None:
        """A row that has been met, and the place where its value begins."""
        other = file != self._file
        # Rows that share one value have one place; a mark at any but the first would lose those before it.
        if other or (row >= self._next and place[0] > self._offset):
            self._table.extend((row, file, *(TOP if other else place)))
            self._next = row + EVERY
        self._file, self._offset = file, place[0]

    def table(self) -> NDArray[np.int64]:
        """[M, 4] int64, a copy."""
        return np.array(self._table, dtype=np.int64).reshape(-1, 4)
