"""Whether the cells of a tab-separated table are quoted, as by spreadsheets and pandas, or a quote is a character."""

import csv
from collections.abc import Iterator


def has_quoted_cells(head: str) -> bool:
    """Whether quotes around cells are to be taken off, seen from the beginning of a table.

    They are where every row has as many cells as the first then, and either a quote is written twice within one, or the
    names of the columns stand in quotes, or the lines by themselves do not all have as many cells.
    """
    lines = head[: head.rfind("\n") + 1].splitlines(keepends=True) or [head]  # the last one may be cut off
    if '"' not in head:
        return False
    rows = list[list[str]]()
    try:
        rows += csv.reader(_until_end(iter(lines)), delimiter="\t", strict=True)
    except _EndError:
        pass
    except csv.Error:  # something stands behind a closing quote
        return False
    rows = [row for row in rows if row]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        return False
    is_named_in_quotes = lines[0].startswith(f'"{rows[0][0]}"')
    counts = {line.count("\t") + 1 for line in lines if line.strip()}
    return (
        is_named_in_quotes or counts != {len(rows[0])} or any(_is_escaped(cell, head) for row in rows for cell in row)
    )


def _is_escaped(cell: str, head: str) -> bool:
    """Whether a cell that holds quotes is written in quotes, with each of its own twice."""
    return '"' in cell and '"{}"'.format(cell.replace('"', '""')) in head


def _until_end(lines: Iterator[str]) -> Iterator[str]:
    yield from lines
    raise _EndError  # else the parser would take a quoted cell that goes on behind the beginning for a broken one


class _EndError(Exception):
    """All lines have been read."""
