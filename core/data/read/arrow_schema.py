"""Reads the schema of the Arrow data on standard input, in a process of its own: a damaged one can end nanoarrow, and
with it the process, without an exception. Run by core.data.read.arrow; needs no other file of Hone's."""

import io
import sys


def main() -> None:
    import nanoarrow
    import nanoarrow.ipc

    data = io.BytesIO(sys.stdin.buffer.read())
    repr(nanoarrow.ArrayStream(nanoarrow.ipc.InputStream.from_readable(data)).schema)


if __name__ == "__main__":
    main()
