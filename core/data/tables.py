"""Tables (CSV, TSV) and plain text as rows."""

import csv
from collections.abc import Iterator

from core.data.source import HEAD, Piece, Problem, Source

_LONGEST_CELL = 1 << 30  # characters; the csv module's own limit of 131,072 is too small for documents


def table(opened: Source) -> Iterator[Piece]:
    """The rows of a table whose first line names the columns. Every value is text."""
    csv.field_size_limit(_LONGEST_CELL)
    problems: list[Problem] = []
    reader = csv.reader(_texts(opened, problems), delimiter=_delimiter(opened))
    columns: list[str] = []
    start = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield Problem("table", "error", reader.line_num, f"The table is broken here: {error}.")
            start = reader.line_num + 1
            continue
        yield from problems
        problems.clear()
        line, start = start, reader.line_num + 1
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
        yield line, dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True))
    yield from problems


def paragraphs(opened: Source) -> Iterator[Piece]:
    """Plain text: a row a paragraph where blank lines part paragraphs, else a row a line."""
    by_line = "\n\n" not in opened.head.replace("\r", "").strip()
    kept: list[str] = []
    start = 1
    for item in opened.lines():
        if isinstance(item, Problem):
            yield item
            continue
        line, text = item
        if kept and (by_line or not text.strip()):
            yield start, {"text": "\n".join(kept)}
            kept = []
        if text.strip():
            start = start if kept else line
            kept.append(text)
    if kept:
        yield start, {"text": "\n".join(kept)}


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
