"""Tables (CSV, TSV) and plain text as rows."""

import csv
from collections.abc import Iterator

from core.data.read.source import FILE_START, HEAD_BYTES, Piece, Problem, Source

_LONGEST_CELL = 1 << 26  # characters; the csv module's own limit of 131,072 is too small for documents


def read_table(data_file: Source) -> Iterator[Piece]:
    """(line, values) of each row of a CSV or TSV table, whose first line that is not blank names the columns. Every
    value is text; missing cells at the end of a row are ""."""
    csv.field_size_limit(_LONGEST_CELL)
    problems: list[Problem] = []
    reader = csv.reader(_line_texts(data_file, problems), delimiter=_delimiter(data_file))
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
    reader = csv.reader(_line_texts(data_file, []), delimiter=_delimiter(data_file))
    names = next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
    return [cell.strip() for cell in names]


def _line_texts(data_file: Source, problems: list[Problem]) -> Iterator[str]:
    """The text of every line, for the csv module; problems go to the list."""
    for item in data_file.lines():
        if isinstance(item, Problem):
            problems.append(item)
        else:
            yield item[1] + "\n"


def _delimiter(data_file: Source) -> str:
    """The character between cells: a tab in TSV, else the most frequent candidate in the line of column names."""
    if data_file.suffix in (".tsv", ".tab"):
        return "\t"
    names = data_file.head[:HEAD_BYTES].lstrip().partition("\n")[0]
    return max(",;\t|", key=names.count)
