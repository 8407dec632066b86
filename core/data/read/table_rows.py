"""The cells of each row of a table.

The csv module parses the rows. It keeps four bytes for each character of its longest cell and doubles that as it grows,
so a long row is handed to a parser here, which takes its cells out of the lines themselves.
"""

import csv
import io
from collections.abc import Iterable, Iterator

from core.data.read.quote_forms import line_fixer
from core.data.read.source import Problem, Source
from core.data.read.tab_quotes import has_quoted_cells
from core.text.sentence import say

_LONG_ROW = 1 << 17  # characters, which the csv module takes at most in one cell unless told otherwise
_LONGEST_ROW = 1 << 26  # characters; a quote that is not closed makes one cell of all that follows


class TableRows:
    """The rows of a table, one after the other. Problems with its lines go to the list."""

    def __init__(self, data_file: Source, delimiter: str, problems: list[Problem]) -> None:
        self._items, self._problems = data_file.lines(), problems
        self._lines_above = data_file.lines_above
        self._delimiter = delimiter
        # TSV has no quoting of its own, so there a quote is a character where nothing tells otherwise.
        self.has_quotes = delimiter != "\t" or has_quoted_cells(data_file.head)
        self._fix = line_fixer(data_file.head, delimiter) if self.has_quotes else None
        self._short_rows = self._reader()
        self._row: list[str] = []  # the lines of this row, as far as they have been read
        self._length = 0
        self.quotes = 0  # in the row that was read last

    def read(self) -> list[str] | None:
        """The next row, None behind the last. Raises csv.Error where it is broken; the next line begins another."""
        self._row, self._length, self.quotes = [], 0, 0
        try:
            return next(self._short_rows, None)
        except csv.Error as error:
            if "end of data" not in str(error):
                raise
            self.quotes += 1 - self.quotes % 2  # one of them is open
            return []
        except _LongRowError:
            self._short_rows = self._reader()  # the old one is in the middle of the row
            return split_row(self._lines_of_long_row(), self._delimiter, self.has_quotes)

    def close(self) -> None:
        """Close the file, which would stay open until the garbage is collected: this and its reader hold each other."""
        self._items.close()

    def _reader(self) -> Iterator[list[str]]:
        lines = self._lines_of_short_rows()
        if not self.has_quotes:
            return csv.reader(lines, delimiter=self._delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self._delimiter, strict=True)

    def _lines_of_short_rows(self) -> Iterator[str]:
        for line in self._lines():
            self._row.append(line)
            if self._length > _LONG_ROW:
                del line
                raise _LongRowError
            yield line + "\n"

    def _lines_of_long_row(self) -> Iterator[str]:
        """The lines of a row, first those that were read before it was known to be long."""
        self._row.reverse()
        while self._row:
            yield self._row.pop()
        for line in self._lines():
            if self._length > _LONGEST_ROW:
                raise csv.Error(
                    say(
                        "a row is longer than {longest_row:,} characters, as where a quote is not closed",
                        longest_row=_LONGEST_ROW,
                    )
                )
            yield line

    def _lines(self) -> Iterator[str]:
        for item in self._items:
            if isinstance(item, Problem):
                self._problems.append(item)
                continue
            number, line = item
            if number <= self._lines_above:
                continue
            if self._fix:
                line = self._fix(line)
            self._length += len(line) + 1
            self.quotes += line.count('"')
            del item
            yield line
            del line


class _LongRowError(Exception):
    """The row that is being read is a long one."""


def split_row(lines: Iterable[str], delimiter: str, has_quotes: bool) -> list[str]:
    """The cells of a row, as the csv module parses them. Takes as many of the lines, which have no ends, as it has.

    Raises csv.Error where a line ends outside of quotes and goes on all the same, or a cell does behind its quotes.
    """
    cells: list[str] = []
    quoted: io.StringIO | None = None  # of a cell that begins with a quote
    for line in lines:
        at = 0
        while at <= len(line):
            if quoted is None and has_quotes and line.startswith('"', at):
                quoted, at = io.StringIO(), at + 1
            if quoted is not None:
                end = _closing_quote(line, at)
                quoted.write(line[at : end if end >= 0 else None].replace('""', '"'))
                if end < 0:
                    quoted.write("\n")
                    break
                at = end + 1
            end = line.find(delimiter, at)
            end = len(line) if end < 0 else end
            rest = line[at:end]
            if "\r" in rest or "\n" in rest:
                raise csv.Error("new-line character seen in unquoted field")
            if quoted and rest:
                raise csv.Error(say("something stands behind a closing quote"))
            cells.append(quoted.getvalue() if quoted else rest)
            quoted, at = None, end + 1
        else:  # no quote is open
            return cells
    return [*cells, quoted.getvalue()] if quoted else cells


def _closing_quote(line: str, at: int) -> int:
    """The place of the quote that ends a cell, -1 for none; two of them are a character."""
    while (quote := line.find('"', at)) >= 0 and line.startswith('"', quote + 1):
        at = quote + 2
    return quote
