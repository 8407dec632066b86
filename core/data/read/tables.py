"""Tables (CSV, TSV) and plain text as rows."""

import csv
from collections.abc import Iterator

from core.data.read.source import HEAD, TOP, Piece, Problem, Source

_LONGEST_CELL = 1 << 26  # characters; the csv module's own limit of 131,072 is too small for documents


def table(opened: Source) -> Iterator[Piece]:
    """The rows of a table whose first line names the columns. Every value is text."""
    csv.field_size_limit(_LONGEST_CELL)
    problems: list[Problem] = []
    reader = csv.reader(_texts(opened, problems), delimiter=_delimiter(opened))
    columns = _columns(Source(opened.path)) if opened.begin != TOP else []
    while True:
        start = opened.after
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield Problem("table", "error", opened.after[1] - 1, f"The table is broken here: {error}.")
            continue
        yield from problems
        problems.clear()
        line = start[1]
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = [cell.strip() for cell in cells]
            continue
        if len(cells) > len(columns):
            yield Problem(
                "cells", "error", line, f"This row has {len(cells)} cells, but the table has {len(columns)} columns."
            )
            continue
        opened.start = start
        yield line, dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True))
    yield from problems


def paragraphs(opened: Source) -> Iterator[Piece]:
    """Plain text: a row a paragraph where blank lines part paragraphs, else a row a line."""
    by_line = "\n\n" not in opened.head.replace("\r", "").strip()
    kept: list[str] = []
    start = TOP
    for item in opened.lines():
        if isinstance(item, Problem):
            yield item
            continue
        line, text = item
        if kept and (by_line or not text.strip()):
            here, opened.start = opened.start, start
            yield start[1], {"text": "\n".join(kept)}
            kept, opened.start = [], here
        if text.strip():
            start = start if kept else (opened.start[0], line)
            kept.append(text)
    if kept:
        opened.start = start
        yield start[1], {"text": "\n".join(kept)}


def _columns(opened: Source) -> list[str]:
    """The names in the first line that is not blank."""
    reader = csv.reader(_texts(opened, []), delimiter=_delimiter(opened))
    named = next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
    return [cell.strip() for cell in named]


def _texts(opened: Source, problems: list[Problem]) -> Iterator[str]:
    for item in opened.lines():
        if isinstance(item, Problem):
            problems.append(item)
        else:
            yield item[1] + "\n"


def _delimiter(opened: Source) -> str:
    """What parts the cells: a tab in TSV, else whatever is most frequent in the line of column names."""
    if opened.suffix in (".tsv", ".tab"):
        return "\t"
    names = opened.head[:HEAD].lstrip().partition("\n")[0]
    return max(",;\t|", key=names.count)
