"""Arrow files, as `datasets` writes them with save_to_disk and keeps them in its cache."""

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.data.read.parquet import without_nulls
from core.data.read.source import Piece, Source
from core.device.child_process import child_command
from core.errors import BadData

FILE, STREAM = b"ARROW1\0\0", b"\xff\xff\xff\xff"  # what the two forms of the format begin with
_HEAD = 1 << 18  # bytes in which a schema is expected


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
            mark = file.read(len(FILE))  # a stream begins at once; in a file it lies behind this mark
            head = (b"" if mark == FILE else mark) + file.read(_HEAD)
            if _ends_its_reader(head):
                raise BadData(f"{data_file.path} is a damaged Arrow file: its schema cannot be read.")
            file.seek(len(FILE) if mark == FILE else 0)
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


@functools.lru_cache(maxsize=64)
def _ends_its_reader(head: bytes) -> bool:
    """Whether reading the schema, which begins with these bytes, ends the process that does it."""
    command = child_command(Path(__file__).with_name("arrow_schema.py"))
    return subprocess.run(command, input=head, capture_output=True, check=False).returncode < 0


def _named(error: Exception) -> str:
    text: Any = error.args[0] if error.args else error
    return str(text).partition("\n")[0].rstrip(".")
