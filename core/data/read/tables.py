"""Tables (CSV, TSV) and plain text as rows."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from core.data.read.source import FILE_START, HEAD_BYTES, Piece, Problem, Source

_RULE = re.compile(r":?-*:?")
_LONGEST_CELL = 1 << 26  # characters; the csv module's own limit of 131,072 is too small for documents
_LONG_CELL = 1 << 18  # characters; a reader keeps four bytes for each of its longest cell, so it is replaced behind one


def read_table(data_file: Source) -> Iterator[Piece]:
    """(line, values) of each row of a CSV or TSV table, whose first line that is not blank names the columns. Every
    value is text; missing cells at the end of a row are ""."""
    csv.field_size_limit(_LONGEST_CELL)
    problems: list[Problem] = []
    lines = _Lines(data_file, problems)
    reader = _reader(lines, data_file)
    columns = _read_columns(Source(data_file.path)) if data_file.begin != FILE_START else []
    while True:
        start = data_file.line_end
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield Problem("table", "error", data_file.line_end[1] - 1, f"The table is broken here: {error}.")
            continue
        if max(map(len, cells), default=0) > _LONG_CELL:
            reader = _reader(lines, data_file)
        yield from problems
        problems.clear()
        line, quotes = start[1], lines.take_quotes()
        if quotes % 2 and reader.dialect.quoting != csv.QUOTE_NONE:
            message = "A quote in this row is not closed, so that all that follows would be one cell."
            yield Problem("open-quote", "error", line, message, "Close it, or write it twice where it is a character.")
            continue
        if reader.dialect.delimiter == "|":  # as in Markdown: blanks around cells, and a line below the names
            cells = [cell.strip() for cell in cells]
            if all(_RULE.fullmatch(cell) for cell in cells):
                continue
        if all(not cell or cell.isspace() for cell in cells):
            continue
        if not columns:
            columns = [cell.strip() for cell in cells]
            twice = next((name for name, count in Counter(columns).items() if name and count > 1), None)
            if twice is not None:
                message = f"Several columns are called {twice}; the last of them is read."
                yield Problem("same-name", "warning", line, message, "Give each a name of its own.")
            continue
        if len(cells) > len(columns):
            yield Problem(
                "cells", "error", line, f"This row has {len(cells)} cells, but the table has {len(columns)} columns."
            )
            continue
        data_file.row_start = start
        yield line, dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True))
    yield from problems


def read_paragraphs(data_file: Source) -> Iterator[Piece]:
    """(line, {"text": …}) of each paragraph of plain text where blank lines separate paragraphs, else of each line."""
    by_line = "\n\n" not in data_file.head.replace("\r", "").strip()
    lines: list[str] = []
    start = FILE_START
    for item in data_file.lines():
        if isinstance(item, Problem):
            yield item
            continue
        line, text = item
        if lines and (by_line or not text.strip()):
            line_start, data_file.row_start = data_file.row_start, start
            yield start[1], {"text": "\n".join(lines)}
            lines, data_file.row_start = [], line_start
        if text.strip():
            start = start if lines else (data_file.row_start[0], line)
            lines.append(text)
    if lines:
        data_file.row_start = start
        yield start[1], {"text": "\n".join(lines)}


def _read_columns(data_file: Source) -> list[str]:
    """The names in the first line that is not blank."""
    reader = _reader(_Lines(data_file, []), data_file)
    names: list[str] = next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
    return [cell.strip() for cell in names]


class _Lines:
    """The text of every line, for the csv module, with the quotes in them counted; problems go to the list."""

    def __init__(self, data_file: Source, problems: list[Problem]) -> None:
        self._items, self._problems = data_file.lines(), problems
        self._declares_separator = bool(data_file.separator)
        self._quotes = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        for item in self._items:
            if isinstance(item, Problem):
                self._problems.append(item)
                continue
            if item[0] == 1 and self._declares_separator:
                continue
            self._quotes += item[1].count('"')
            return item[1] + "\n"
        raise StopIteration

    def take_quotes(self) -> int:
        """How many quotes there were since this was asked last."""
        quotes, self._quotes = self._quotes, 0
        return quotes


def _reader(lines: _Lines, data_file: Source) -> Any:
    """A reader of the csv module. In TSV, which has no quoting of its own, a quote is a character."""
    delimiter = _delimiter(data_file)
    if delimiter == "\t":
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter)


def _delimiter(data_file: Source) -> str:
    """The character between cells: a tab in TSV, else the most frequent candidate in the line of column names."""
    if data_file.separator:
        return data_file.separator
    if data_file.suffix in (".tsv", ".tab"):
        return "\t"
    names = data_file.head[:HEAD_BYTES].lstrip().partition("\n")[0]
    return max(",;\t|", key=names.count)
