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

FORMAT_VERSION = 1  # of the files; also raised when the same example comes to be rendered or masked in another way
MAX_BYTES = 2 << 30  # bytes of all files together
_MAGIC = b"HoneTok\n"
_STALE_SECONDS = 86_400  # after which nobody works on an unfinished file any more
_ARRAYS = {"tokens": "<i4", "mask": "|u1", "ends": "<i8", "lines": "<i8", "cut": "<i4", "note": "<i4"}


def read_store(folder: Path, key: str) -> TokenStore | None:
    """The texts that are cached under a key; None if there are none, or the file is damaged."""
    path = _path(folder, key)
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        store = _parse(data, key)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the files used last are kept longest
    return store


def write_store(folder: Path, key: str, store: TokenStore) -> TokenStore | None:
    """Write the texts to the cache and return them as they lie in the file.

    Returns None where the disk does not allow it, or they are too many: more than half of MAX_BYTES.
    """
    arrays = [np.ascontiguousarray(getattr(store, name), dtype) for name, dtype in _ARRAYS.items()]
    if sum(a.nbytes for a in arrays) > MAX_BYTES // 2:
        return None
    header = {
        "key": key,
        "counts": [len(a) for a in arrays],
        "sum": _checksum(map(_bytes, arrays)),
        "notes": store.notes,
    }
    text = json.dumps(header).encode()
    blocks: list[bytes | memoryview] = [_MAGIC + len(text).to_bytes(8, "little") + text, *map(_bytes, arrays)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=folder, suffix=".part")
    except OSError:
        return None
    try:
        with open(descriptor, "wb") as file:
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
    _remove_old(folder, _path(folder, key))
    return read_store(folder, key)


def _parse(data: memoryview, key: str) -> TokenStore | None:
    if data[:8] != _MAGIC:
        return None
    end = 16 + int.from_bytes(data[8:16], "little")
    header = json.loads(bytes(data[16:end]))
    if header["key"] != key:
        return None
    arrays: dict[str, NDArray[Any]] = {}
    offset = end + -end % 64
    for (name, dtype), count in zip(_ARRAYS.items(), header["counts"], strict=True):
        arrays[name] = np.frombuffer(data, dtype, count, offset)
        offset += arrays[name].nbytes + -arrays[name].nbytes % 64
    if offset != len(data) or _checksum(map(_bytes, arrays.values())) != header["sum"]:
        return None
    store = TokenStore(**arrays, notes=tuple(header["notes"]))
    return store if store.is_consistent() else None


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.data.cast("B") if array.size else memoryview(b"")


def _checksum(blocks: Any) -> int:
    checksum = 0
    for block in blocks:
        checksum = zlib.crc32(block, checksum)
    return checksum


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.tokens"


def _remove_old(folder: Path, newest: Path) -> None:
    """Remove the files that were unused for longest until the rest is within MAX_BYTES, and those never finished."""
    with contextlib.suppress(OSError):
        for path in folder.glob("*.part"):
            if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                path.unlink()
        files = [(path == newest, path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("*.tokens")]
        total = sum(size for _, _, size, _ in files)
        for is_newest, _, size, path in sorted(files):
            if total <= MAX_BYTES or is_newest:
                break
            path.unlink()
            total -= size
