"""Arrow files, as `datasets` writes them with save_to_disk and keeps them in its cache.

They are read in a process of their own (arrow_rows.py), since damaged ones can end their reader without an exception.
"""

import contextlib
import io
import pickle
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from core.data.read.class_labels import Names, class_names, with_names
from core.data.read.parquet import without_nulls
from core.data.read.source import READ_ERRORS, Piece, Source
from core.device.child_process import child_command
from core.errors import BadData
from core.redact import environment_without_secrets
from core.text.sentence import say

_CHUNK = 1 << 20  # bytes that are handed on at once
_LONGEST_ROW = 1 << 30  # bytes; more than a row can have before it is refused
_CLASSES = {  # of the values that a column can hold, beside numbers, texts, lists and objects
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("decimal", "Decimal"),
    ("zoneinfo", "ZoneInfo"),
}


def read_arrow(data_file: Source) -> Iterator[Piece]:
    """(number, values) of each row, counted from 1, from the file's position on.

    Raises BadData where the file is damaged, or has a kind of column that is not text, numbers, lists or objects.
    """
    data_file.has_text = True
    command = child_command(Path(__file__).with_name("arrow_rows.py"), str(data_file.begin[1]))
    with data_file.open() as file, _start(command) as child:
        failures: list[Exception] = []
        feeding = threading.Thread(target=_feed, args=(file, child.stdin, failures), daemon=True)
        feeding.start()
        try:
            names: Names = {}
            for number, values in _receive(child.stdout):
                if isinstance(number, int):
                    data_file.row_start = (number, number)
                    yield number, with_names({key: without_nulls(value) for key, value in values.items()}, names)
                elif number == "features":
                    names = class_names(values)
                elif number == "column":
                    raise BadData(
                        say("{path} holds a column that cannot be read: {reason}.", path=data_file.path, reason=values)
                    )
                elif number == "damaged" and not failures:
                    raise BadData(say("{path} is a damaged Arrow file: {reason}.", path=data_file.path, reason=values))
                else:  # "end", or the file itself could not be read to its end
                    break
            else:
                if not failures:
                    raise BadData(
                        say("{path} is a damaged Arrow file: it ends the program that reads it.", path=data_file.path)
                    )
            if failures:
                raise failures[0]
        finally:
            child.kill()
            feeding.join()


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, env=environment_without_secrets())


def _feed(file: BinaryIO, pipe: IO[bytes] | None, failures: list[Exception]) -> None:
    """Hand the file on until it ends or nobody reads any more; what fails while it is read is put into `failures`."""
    assert pipe is not None
    with contextlib.suppress(BrokenPipeError), pipe:
        try:
            shutil.copyfileobj(file, pipe, _CHUNK)
        except BrokenPipeError:
            raise
        except READ_ERRORS as error:
            failures.append(error)


def _receive(pipe: IO[bytes] | None) -> Iterator[tuple[Any, Any]]:
    """What arrow_rows.py writes, until it ends."""
    assert pipe is not None
    while len(head := pipe.read(8)) == 8:
        (length,) = struct.unpack("<Q", head)
        if length > _LONGEST_ROW:
            return
        data = pipe.read(length)
        if len(data) < length:
            return
        yield _Values(io.BytesIO(data)).load()


class _Values(pickle.Unpickler):
    """Makes values of a table's columns and nothing else: the process that sent them read a stranger's file."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _CLASSES:
            raise BadData(
                say(
                    "A row of an Arrow file holds a value of the kind {module}.{name}, which cannot be read.",
                    module=module,
                    name=name,
                )
            )
        return super().find_class(module, name)
