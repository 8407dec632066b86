"""One file of the token cache: written whole or not at all, used where it lies, rebuilt when it is damaged."""

import contextlib
import json
import mmap
import os
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.tokenize.token_store import TokenStore

FORMAT_VERSION = 1  # of the files; also raised when the same row comes to be written out or masked otherwise
MAX_BYTES = 2 << 30  # bytes of all files together
_MAGIC = b"HoneTok\n"
_DAY = 86_400  # seconds after which an unfinished file is no longer somebody's work
_ARRAYS = {"tokens": "<i4", "mask": "|u1", "ends": "<i8", "lines": "<i8", "cut": "<i4", "note": "<i4"}


def read_store(folder: Path, key: str) -> TokenStore | None:
    """The rows kept under a key; None if there are none, or the file is not what was written."""
    path = _path(folder, key)
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        rows = _parse(data, key)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the files used last are kept longest
    return rows


def write_store(folder: Path, key: str, rows: TokenStore) -> TokenStore | None:
    """Keep the rows; they come back as they lie in the file. None where that is not possible, or they are too many."""
    arrays = [np.ascontiguousarray(getattr(rows, name), dtype) for name, dtype in _ARRAYS.items()]
    if sum(a.nbytes for a in arrays) > MAX_BYTES // 2:
        return None
    head = {"key": key, "counts": [len(a) for a in arrays], "sum": _sum(map(_bytes, arrays)), "notes": rows.notes}
    text = json.dumps(head).encode()
    blocks: list[bytes | memoryview] = [_MAGIC + len(text).to_bytes(8, "little") + text, *map(_bytes, arrays)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number, unfinished = tempfile.mkstemp(dir=folder, suffix=".part")
    except OSError:
        return None
    try:
        with open(number, "wb") as file:
            for block in blocks:
                file.write(block)
                file.write(bytes(-len(block) % 64))
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, _path(folder, key))
    except OSError:
        return None
    finally:
        Path(unfinished).unlink(missing_ok=True)
    _tidy(folder, _path(folder, key))
    return read_store(folder, key)


def _parse(data: memoryview, key: str) -> TokenStore | None:
    if data[:8] != _MAGIC:
        return None
    end = 16 + int.from_bytes(data[8:16], "little")
    head = json.loads(bytes(data[16:end]))
    if head["key"] != key:
        return None
    arrays: dict[str, NDArray[Any]] = {}
    at = end + -end % 64
    for (name, dtype), count in zip(_ARRAYS.items(), head["counts"], strict=True):
        arrays[name] = np.frombuffer(data, dtype, count, at)
        at += arrays[name].nbytes + -arrays[name].nbytes % 64
    if at != len(data) or _sum(map(_bytes, arrays.values())) != head["sum"]:
        return None
    rows = TokenStore(**arrays, notes=tuple(head["notes"]))
    return rows if rows.fits() else None


def _bytes(made: NDArray[Any]) -> memoryview:
    return made.data.cast("B") if made.size else memoryview(b"")


def _sum(blocks: Any) -> int:
    made = 0
    for block in blocks:
        made = zlib.crc32(block, made)
    return made


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.tokens"


def _tidy(folder: Path, newest: Path) -> None:
    """Remove what was not used for longest until the rest is within LARGEST, and what was never finished."""
    with contextlib.suppress(OSError):
        for path in folder.glob("*.part"):
            if path.stat().st_mtime < time.time() - _DAY:
                path.unlink()
        files = [(path == newest, path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("*.tokens")]
        total = sum(size for _, _, size, _ in files)
        for last, _, size, path in sorted(files):
            if total <= MAX_BYTES or last:
                break
            path.unlink()
            total -= size
