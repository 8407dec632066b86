"""Tables (CSV, TSV) and plain text as rows."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from core.data.read.source import FILE_START, HEAD_BYTES, Piece, Problem, Source
from core.data.read.table_rows import TableRows
from core.data.read.text_forms import describe_text
from core.text.sentence import say

_RULE = re.compile(r":?-*:?")


def read_table(data_file: Source) -> Iterator[Piece]:
    """(line, values) of each row of a CSV or TSV table, whose first line that is not blank names the columns. Every
    value is text; missing cells at the end of a row are ""."""
    problems: list[Problem] = []
    delimiter = _delimiter(data_file)
    with closing(TableRows(data_file, delimiter, problems)) as rows:
        yield from _read_rows(data_file, rows, delimiter, problems)


def _read_rows(data_file: Source, rows: TableRows, delimiter: str, problems: list[Problem]) -> Iterator[Piece]:
    columns = _read_columns(Source(data_file.path)) if data_file.begin != FILE_START else []
    while True:
        start = data_file.line_end
        try:
            cells = rows.read()
        except csv.Error as error:
            reason = say("something stands behind a closing quote") if "expected after" in str(error) else error
            message = say("The table is broken here: {reason}.", reason=reason)
            fix = say("Write a quote that is a character twice.") if rows.quotes else None
            yield Problem("table", "error", data_file.line_end[1] - 1, message, fix)
            continue
        if cells is None:
            break
        yield from problems
        problems.clear()
        line = start[1]
        if rows.quotes % 2 and rows.has_quotes:
            message = say("A quote in this row is not closed, so that all that follows would be one cell.")
            yield Problem(
                "open-quote", "error", line, message, say("Close it, or write it twice where it is a character.")
            )
            continue
        if delimiter == "|":  # as in Markdown: blanks around cells, and a line below the names
            cells = [cell.strip() for cell in cells]
            if all(_RULE.fullmatch(cell) for cell in cells):
                continue
        if all(not cell or cell.isspace() for cell in cells):
            continue
        if not columns:
            columns = _names(cells)
            twice = next((name for name, count in Counter(columns).items() if name and count > 1), None)
            if twice is not None:
                message = say("Several columns are called {twice}; the last of them is read.", twice=twice)
                yield Problem("same-name", "warning", line, message, say("Give each a name of its own."))
            continue
        if len(columns) > 1 and _names(cells) == columns:
            message = say("The names of the columns stand here again.")
            yield Problem("header-again", "note", line, message, say("The line is skipped."))
            continue
        if len(cells) > len(columns):
            yield Problem(
                "cells",
                "error",
                line,
                say(
                    "This row has {cells} cells, but the table has {columns} columns.",
                    cells=len(cells),
                    columns=len(columns),
                ),
                say("A cell that holds the character between cells stands in quotes."),
            )
            continue
        data_file.row_start = start
        yield line, dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True))
    yield from problems


def read_paragraphs(data_file: Source) -> Iterator[Piece]:
    """(line, {"text": …}) of each paragraph of plain text where blank lines separate paragraphs, else of each line."""
    head = data_file.head.replace("\r", "")
    by_line = "\n\n" not in head.strip()
    if data_file.begin == FILE_START and (problem := describe_text(head, data_file.suffix)):
        yield problem
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
    with closing(TableRows(data_file, _delimiter(data_file), [])) as rows:
        while (cells := rows.read()) is not None:
            if any(cell.strip() for cell in cells):
                return _names(cells)
    return []


def _names(cells: list[str]) -> list[str]:
    """The names of columns; those without a name are numbered, from 1."""
    return [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]


def _delimiter(data_file: Source) -> str:
    """The character between cells: a tab in TSV, else the most frequent candidate in the line of column names."""
    if data_file.separator:
        return data_file.separator
    if data_file.suffix in (".tsv", ".tab"):
        return "\t"
    names = data_file.head[:HEAD_BYTES].lstrip().partition("\n")[0]
    return max(",;\t|", key=names.count)
