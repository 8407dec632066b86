"""A person's file as a stream of rows and findings, at flat memory. The file is only ever read."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.data.read import json_text, parquet, source, tables
from core.errors import BadData

_AROUND = ("data", "rows", "train", "examples", "items", "records", "dataset")  # {"data": [{…}, {…}]}

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Row:
    """One row as it stands in the file. `line` is the physical line it starts on, counted from 1; in a Parquet
    file, which has no lines, the number of the row."""

    line: int
    value: dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """Something a person should know about their data. An error means that the row is left out."""

    code: str  # stable, for counting and for choosing what to fix
    severity: Severity
    file: str
    line: int | None
    message: str  # one sentence
    fix: str | None = None  # what Hone did or can do about it, where it can
    row: int | None = None  # the number of the row it is about, counted from 1 over all files, where it is about one

    def __str__(self) -> str:
        at = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{at}: {self.message}"


def in_order(findings: Iterable[Finding], files: Sequence[str]) -> list[Finding]:
    """By file and line; what concerns a whole file comes before its lines."""
    order = {file: n for n, file in enumerate(files)}
    return sorted(findings, key=lambda f: (order[f.file], f.line or 0))


def read(path: str | Path) -> Iterator[Row | Finding]:
    """Every row of a JSONL, JSON, CSV, TSV, Parquet or text file, and what is wrong with it, in the file's order.

    Raises BadData when there is no such file, it is empty or no data; Unavailable when it cannot be read. Both
    are raised by the call itself, before the first row; later only when reading breaks off half-way.
    """
    return rows_of(source.Source(Path(path)))


def rows_of(opened: source.Source) -> Iterator[Row | Finding]:
    """The same for a file that is opened already; `opened.start` tells where each row's value begins."""
    file = str(opened.path)
    if opened.has_bom and opened.begin == source.TOP:
        yield Finding("bom", "note", file, 1, "The file starts with a byte order mark.", "It is skipped.")
    try:
        for piece in _pieces(opened):
            if isinstance(piece, source.Problem):
                yield Finding(piece.code, piece.severity, file, piece.line, piece.message, piece.fix)
                continue
            line, value = piece
            for row in _unwrapped(value):
                if row is None:
                    message = f"This is {_name(value)}, not an object with named columns."
                    yield Finding("not-a-row", "error", file, line, message)
                else:
                    yield Row(line, row)
    except source.BROKEN as error:
        raise source.unreadable(opened.path, error) from None
    if not opened.text_seen and opened.begin == source.TOP:
        raise BadData(f"{file} holds only blank lines.")


def _pieces(opened: source.Source) -> Iterable[source.Piece]:
    """(line, value) of each row, in whatever form the file is written."""
    form = opened.form()
    if form == "lines":
        return json_text.by_line(opened)
    if form == "values":
        return json_text.by_value(opened)
    if form == "parquet":
        return parquet.rows(opened)
    if form == "table":
        return tables.table(opened)
    return tables.paragraphs(opened)


def _unwrapped(value: Any) -> list[dict[str, Any] | None]:
    """The rows that a value holds: nearly always one; many if it is an object around a list of them."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name in _AROUND and isinstance(inner, list) and inner and all(isinstance(v, dict) for v in inner):
            return list(inner)
    return [_row(value)]


def _row(value: Any) -> dict[str, Any] | None:
    """A row's columns. A bare text is taken as plain text, a bare list of messages as a conversation."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return {"messages": value}
    return None


def _name(value: Any) -> str:
    names = {list: "a list", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
    return names.get(type(value), json.dumps(value)[:40])
