"""Parquet files, where pyarrow is installed: it is large, so Hone does not bring it along."""

import importlib
from collections.abc import Iterator
from typing import Any

from core.data.source import Piece, Source
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
    number = 0
    try:
        with opened.open() as file:
            for batch in parquet.ParquetFile(file).iter_batches(batch_size=_AT_ONCE):
                for value in batch.to_pylist():
                    number += 1
                    yield number, value
    except pyarrow.ArrowException as error:
        raise BadData(f"{opened.path} is a damaged Parquet file: {str(error).partition('.')[0]}.") from None
