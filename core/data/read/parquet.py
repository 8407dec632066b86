"""Parquet files, where pyarrow is installed: it is large, so Hone does not bring it along."""

import importlib
from collections.abc import Iterator
from typing import Any

from core.data.read.source import Piece, Source
from core.errors import BadData, Unavailable

_AT_ONCE = 1000  # rows held in memory


def rows(opened: Source) -> Iterator[Piece]:
    """(number, values) of each row, counted from 1. Raises Unavailable without pyarrow, BadData if it is damaged."""
    try:
        pyarrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        message = "needs pyarrow, which is not installed; it comes with Hone's extra “data”."
        raise Unavailable(f"Reading the Parquet file {opened.path} {message}") from None
    opened.text_seen = True
    wanted = opened.begin[1]
    number = 0
    try:
        with opened.open() as file:
            table = parquet.ParquetFile(file)
            for group in range(table.num_row_groups):
                if number + table.metadata.row_group(group).num_rows < wanted:
                    number += table.metadata.row_group(group).num_rows
                    continue
                for batch in table.iter_batches(batch_size=_AT_ONCE, row_groups=[group]):
                    for value in batch.to_pylist():
                        number += 1
                        if number >= wanted:
                            opened.start = (number, number)
                            yield number, value
    except pyarrow.ArrowException as error:
        raise BadData(f"{opened.path} is a damaged Parquet file: {str(error).partition('.')[0]}.") from None
