"""Tables (CSV, TSV) and plain text as rows."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from core.data.read.source import FILE_START, HEAD_BYTES, KNOWN_NAME, NAMES_OF_TABLE, Piece, Problem, Source
from core.data.read.table_rows import TableRows
from core.data.read.text_forms import describe_text
from core.text.sentence import say

_UNSEEN = "\ufeff\u200b\u200e\u200f\u2060"  # characters around a name that take no room
_WORDS = re.compile(r"[^-=*_~#•·+.\s]")  # what a line holds that is no rule
_ROWS_TRIED = 50  # to tell what stands between cells, where it may be several characters
_RULE = re.compile(r":?-*:?")


def read_table(data_file: Source) -> Iterator[Piece]:
    """(line, values) of each row of a CSV or TSV table, whose first line that is not blank names the columns. Every
    value is text; missing cells at the end of a row are ""."""
    problems: list[Problem] = []
    delimiter = _delimiter(data_file)
    with closing(TableRows(data_file, delimiter, problems)) as rows:
        yield from _read_rows(data_file, rows, delimiter, problems)


def _read_rows(data_file: Source, rows: TableRows, delimiter: str, problems: list[Problem]) -> Iterator[Piece]:
    columns, above = _read_names(data_file, delimiter)
    above = above if data_file.begin == FILE_START else 0  # rows that are still to come before the first that is data
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
            if _is_rule(cells, delimiter):
                continue
        if all(not cell or cell.isspace() for cell in cells):
            continue
        if above:
            above -= 1
            if above:
                message = say("This line stands above the names of the columns, and holds nothing else.")
                yield Problem("title", "note", line, message, say("It is skipped."))
                continue
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
    first_rule = rules = 0  # paragraphs of nothing but marks, as between poems
    for item in itertools.chain(data_file.lines(), [None]):
        if isinstance(item, Problem):
            yield item
            continue
        line, text = item or (0, "")
        if lines and (by_line or not text.strip()):
            line_start, data_file.row_start = data_file.row_start, start
            if any(map(_WORDS.search, lines)):
                yield start[1], {"text": "\n".join(lines)}
            else:
                first_rule, rules = first_rule or start[1], rules + 1
            lines, data_file.row_start = [], line_start
        if text.strip():
            start = start if lines else (data_file.row_start[0], line)
            lines.append(text)
    if rules and data_file.begin == FILE_START:
        subject = say("This line and {count:,} more have", count=rules - 1) if rules > 1 else say("This line has")
        message = say("{subject} nothing but marks, such as ---.", subject=subject)
        yield Problem("rule", "note", first_rule, message, say("Such lines are skipped."))


def _read_names(data_file: Source, delimiter: str) -> tuple[list[str], int]:
    """(the names of the columns, how many rows hold them and what stands above them)."""
    if data_file.column_names:
        return list(data_file.column_names), 0
    first: list[list[str]] = []
    with closing(TableRows(Source(data_file.path), delimiter, [])) as rows:
        while len(first) < 2:
            try:
                cells = rows.read()
            except csv.Error:
                continue
            if cells is None:
                break
            cells = [cell.strip() for cell in cells] if delimiter == "|" else cells
            is_open = bool(rows.quotes % 2 and rows.has_quotes)
            if not is_open and not _is_rule(cells, delimiter) and any(cell.strip() for cell in cells):
                first.append(cells)
    if not first:
        return [], 0
    has_title = len(first) == 2 and _is_title(*first)
    return _names(first[has_title]), 1 + has_title


def _is_rule(cells: list[str], delimiter: str) -> bool:
    """Whether a row is the line below the names in Markdown."""
    return delimiter == "|" and all(_RULE.fullmatch(cell) for cell in cells)


def _is_title(cells: list[str], following: list[str]) -> bool:
    """Whether a row with one text in its first cell stands above the names, as spreadsheets write what they are called:
    the row behind it has names that are known."""
    if not cells[0].strip() or any(cell.strip() for cell in cells[1:]):
        return False
    known = sum(KNOWN_NAME.fullmatch(cell.strip()) is not None for cell in following)
    return known > (len(cells) == 1)


def _names(cells: list[str]) -> list[str]:
    """The names of columns; those without a name are numbered, from 1."""
    names = (cell.strip().strip(_UNSEEN) for cell in cells)
    return [name or f"column {number}" for number, name in enumerate(names, 1)]


def _delimiter(data_file: Source) -> str:
    """The character between cells: a tab in TSV where there is one, else the candidate in the line of column names with
    which most rows have as many cells as it, or which is there most often."""
    if data_file.separator:
        return data_file.separator
    head = data_file.head[:HEAD_BYTES].lstrip()
    names, _, following = head.partition("\n")
    is_tabs = data_file.suffix in (".tsv", ".tab")
    candidates = [mark for mark in ",;\t|" if mark in names]
    if not candidates:  # one column, unless what stands here is a title
        default = "\t" if is_tabs else ","
        return next((mark for mark, known in NAMES_OF_TABLE.items() if known.match(following)), default)
    if is_tabs and "\t" in candidates:
        return "\t"
    return max(candidates, key=lambda mark: (len(candidates) > 1 and _even_rows(head, mark), names.count(mark)))


def _even_rows(head: str, delimiter: str) -> int:
    """How many of the first rows have as many cells as the first one, with this character between them."""
    lines = head[: head.rfind("\n") + 1].splitlines(keepends=True)[:_ROWS_TRIED]
    try:
        counts = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return 0
    return sum(count == counts[0] for count in counts)
