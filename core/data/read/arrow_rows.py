"""Reads Arrow data from standard input and writes its rows to standard output, each as its length and a pickle,
behind what `datasets` has noted of its columns.

It runs in a process of its own, as damaged data can end nanoarrow, and with it the process, without an exception.
Started by core.data.read.arrow with the number of the first row that is wanted; needs no other file of Hone's.
"""

import io
import pickle
import struct
import sys
import zoneinfo
from typing import Any

FILE = b"ARROW1\0\0"  # what a file begins with; a stream lies behind it


def main() -> None:
    import nanoarrow
    import nanoarrow.ipc

    data, first, number = sys.stdin.buffer, int(sys.argv[1]), 0
    peek = getattr(data, "peek", None)
    if peek is not None and peek(len(FILE))[: len(FILE)] == FILE:
        data.read(len(FILE))
    try:
        stream = nanoarrow.ArrayStream(nanoarrow.ipc.InputStream.from_readable(data))
        _write(("features", dict(stream.schema.metadata or {}).get(b"huggingface")))
        for batch in stream:
            if number + len(batch) < first:
                number += len(batch)
                continue
            for values in batch.iter_py():
                number += 1
                if number >= first:
                    _write((number, values))
    except KeyError as error:  # nanoarrow knows the column's type, and has no Python value for it
        _write(("column", _named(error)))
    except (ValueError, RuntimeError) as error:
        _write(("column" if "not yet supported" in str(error) else "damaged", _named(error)))
    else:
        _write(("end", ""))
    sys.stdout.buffer.flush()


def _write(value: tuple[Any, Any]) -> None:
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    data = buffer.getvalue()
    sys.stdout.buffer.write(struct.pack("<Q", len(data)))
    sys.stdout.buffer.write(data)


class _Pickler(pickle.Pickler):
    """Writes a time zone by its name alone, as the reader of the rows makes values and calls nothing."""

    def reducer_override(self, value: Any) -> Any:
        return (zoneinfo.ZoneInfo, (value.key,)) if isinstance(value, zoneinfo.ZoneInfo) else NotImplemented


def _named(error: Exception) -> str:
    text = error.args[0] if error.args else error
    return str(text).partition("\n")[0].rstrip(".")


if __name__ == "__main__":
    main()
