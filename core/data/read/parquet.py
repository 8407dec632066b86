"""Parquet files, read through DuckDB: a few rows at a time, and from any row on without those before it."""

import math
from collections.abc import Iterator
from typing import Any

from core.data.read.class_labels import METADATA_KEY, class_names, with_names
from core.data.read.source import Piece, Source
from core.errors import BadData
from core.text.sentence import say

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "memory_limit": "1GB",
    "autoinstall_known_extensions": "false",  # nothing is fetched for a file
    "autoload_known_extensions": "false",
}


def read_parquet(data_file: Source) -> Iterator[Piece]:
    """(number, values) of each row from the file's position on, counted from 1. Raises BadData if it is damaged."""
    import duckdb

    data_file.has_text = True
    first = data_file.begin[1]
    # Characters that would stand for other files' names are taken as they are in brackets.
    name = "".join(f"[{c}]" if c in "*?[" else c for c in str(data_file.path))
    try:
        with duckdb.connect(":memory:", config=_SETTINGS) as connection:
            connection.execute("SET enable_progress_bar = false")  # it would be written to stdout
            described = connection.execute(
                "SELECT value FROM parquet_kv_metadata(?) WHERE key = ?", [name, METADATA_KEY]
            ).fetchone()
            names = class_names(described[0] if described else None)
            rows = connection.execute(
                "SELECT * EXCLUDE (file_row_number) FROM read_parquet(?, file_row_number = true) "
                "WHERE file_row_number >= ?",
                [name, first - 1],
            )
            columns = [column[0] for column in rows.description or ()]
            number = first
            while (values := rows.fetchone()) is not None:
                data_file.row_start = (number, number)
                yield number, with_names(dict(zip(columns, map(without_nulls, values), strict=True)), names)
                number += 1
    except (duckdb.Error, ValueError, OverflowError, RuntimeError) as error:  # a number or a text that cannot be one
        raise BadData(
            say("{path} is a damaged Parquet file: {reason}.", path=data_file.path, reason=_first_sentence(error))
        ) from None


def without_nulls(value: Any) -> Any:
    """A value of a column as JSON would hold it.

    All rows of a column have the same fields in such a file; those that a row did not have are filled up with null.
    They are taken out again. NaN, which stands for an empty cell, is null.
    """
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(inner) for inner in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, bytes | bytearray):
        return _text_of(bytes(value))
    return value


def _text_of(value: bytes) -> str | bytes:
    """Bytes as the text that they are in UTF-8; as they are where they are none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _first_sentence(error: Exception) -> str:
    """What DuckDB says, without the query that it quotes."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].rpartition("Error: ")[2].rstrip(".") if lines else type(error).__name__
