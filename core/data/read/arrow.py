"""Arrow files, as `datasets` writes them with save_to_disk and keeps them in its cache."""

from collections.abc import Iterator
from typing import Any

from core.data.read.parquet import without_nulls
from core.data.read.source import Piece, Source
from core.errors import BadData

FILE, STREAM = b"ARROW1\0\0", b"\xff\xff\xff\xff"  # what the two forms of the format begin with


def read_arrow(data_file: Source) -> Iterator[Piece]:
    """(number, values) of each row, counted from 1, from the file's position on.

    Raises BadData where the file is damaged, or has a kind of column that is not text, numbers, lists or objects.
    """
    import nanoarrow
    import nanoarrow.ipc

    data_file.has_text = True
    first, number = data_file.begin[1], 0
    try:
        with data_file.open() as file:
            if file.read(len(FILE)) != FILE:  # a stream begins at once; in a file it lies behind this mark
                file.seek(0)
            for batch in nanoarrow.ArrayStream(nanoarrow.ipc.InputStream.from_readable(file)):
                if number + len(batch) < first:
                    number += len(batch)
                    continue
                for values in batch.iter_py():
                    number += 1
                    if number >= first:
                        data_file.row_start = (number, number)
                        yield number, {key: without_nulls(value) for key, value in values.items()}
    except KeyError as error:  # nanoarrow knows the column's type, and has no Python value for it
        raise BadData(f"{data_file.path} holds a column that cannot be read: {_named(error)}.") from None
    except (ValueError, RuntimeError) as error:
        raise BadData(f"{data_file.path} is a damaged Arrow file: {_named(error)}.") from None


def _named(error: Exception) -> str:
    text: Any = error.args[0] if error.args else error
    return str(text).partition("\n")[0].rstrip(".")
