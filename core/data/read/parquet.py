"""Parquet files, where pyarrow is installed; it is large, so it is an optional dependency of Hone."""

import importlib
from collections.abc import Iterator
from typing import Any

from core.data.read.source import Piece, Source
from core.errors import BadData, Unavailable

_BATCH_ROWS = 1000  # rows held in memory


def read_parquet(data_file: Source) -> Iterator[Piece]:
    """(number, values) of each row from the source's position on, counted from 1.

    Raises Unavailable without pyarrow, BadData if the file is damaged.
    """
    try:
        pyarrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        message = "needs pyarrow, which is not installed; it comes with Hone's extra “data”."
        raise Unavailable(f"Reading the Parquet file {data_file.path} {message}") from None
    data_file.has_text = True
    first = data_file.begin[1]
    number = 0
    try:
        with data_file.open() as file:
            table = parquet.ParquetFile(file)
            for group in range(table.num_row_groups):
                if number + table.metadata.row_group(group).num_rows < first:
                    number += table.metadata.row_group(group).num_rows
                    continue
                for batch in table.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group]):
                    for value in batch.to_pylist():
                        number += 1
                        if number >= first:
                            data_file.row_start = (number, number)
                            yield number, value
    except pyarrow.ArrowException as error:
        raise BadData(f"{data_file.path} is a damaged Parquet file: {str(error).partition('.')[0]}.") from None
