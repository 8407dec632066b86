"""One file of the cache of prepared rows: written whole or not at all, used where it lies, made anew when damaged."""

import contextlib
import json
import mmap
import os
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data.tokenize.token_store import TokenStore
from core.text.sentence import pack, unpack

FORMAT_VERSION = 3  # of the files; also raised when the same example comes to be rendered or masked in another way
MAX_BYTES = 4 << 30  # bytes of all files together
_MAGIC = b"HoneTok\n"
_STALE_SECONDS = 86_400  # after which nobody works on an unfinished file any more
_ARRAYS = {"tokens": "<i4", "mask": "|u1", "ends": "<i8", "lines": "<i8", "cut": "<i4", "note": "<i4", "learned": "<i4"}


class Entry(NamedTuple):
    """What is cached under a key."""

    stores: dict[str, TokenStore]  # by name; their arrays lie in the file
    about: dict[str, Any]  # what else belongs to them, as JSON holds it


def read_entry(folder: Path, key: str) -> Entry | None:
    """What is cached under a key; None if there is nothing, or the file is damaged."""
    path = _path(folder, key)
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            entry = _parse(data, file, key)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the files used last are kept longest
    return entry


def write_entry(folder: Path, key: str, stores: Mapping[str, TokenStore], about: Mapping[str, Any]) -> bool:
    """Write texts to the cache, with what belongs to them, as JSON holds it.

    Returns whether it was done: not where the disk does not allow it, or they are too many: more than half
    of MAX_BYTES.
    """
    arrays = [
        np.ascontiguousarray(getattr(store, name), dtype)
        for store in stores.values()
        for name, dtype in _ARRAYS.items()
    ]
    if sum(a.nbytes for a in arrays) > MAX_BYTES // 2:
        return False
    header = {
        "key": key,
        "stores": {name: pack(store.notes) for name, store in stores.items()},
        "counts": [len(a) for a in arrays],
        "sum": _checksum(map(_bytes, arrays)),
        "about": about,
    }
    text = json.dumps(header).encode()
    head = len(text).to_bytes(8, "little") + zlib.crc32(text).to_bytes(8, "little") + text
    blocks: list[bytes | memoryview] = [_MAGIC + head, *map(_bytes, arrays)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=folder, suffix=".part")
    except OSError:
        return False
    try:
        with open(descriptor, "wb") as file:
            for block in blocks:
                file.write(block)
                file.write(bytes(-len(block) % 64))
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, _path(folder, key))
    except OSError:
        return False
    finally:
        Path(unfinished).unlink(missing_ok=True)
    _remove_old(folder, _path(folder, key))
    return True


def _parse(data: memoryview, file: BinaryIO, key: str) -> Entry | None:
    """The entry in a file that is mapped as `data`. Read to its end, that is not all in memory then."""
    if data[:8] != _MAGIC:
        return None
    end = 24 + int.from_bytes(data[8:16], "little")
    text = bytes(data[24:end])
    if zlib.crc32(text) != int.from_bytes(data[16:24], "little"):
        return None
    header = json.loads(text)
    if header["key"] != key:
        return None
    arrays: list[NDArray[Any]] = []
    blocks: list[tuple[int, int]] = []
    offset = end + -end % 64
    for dtype, count in zip([*_ARRAYS.values()] * len(header["stores"]), header["counts"], strict=True):
        arrays.append(np.frombuffer(data, dtype, count, offset))
        blocks.append((offset, arrays[-1].nbytes))
        offset += arrays[-1].nbytes + -arrays[-1].nbytes % 64
    if offset != len(data) or _checksum(_read_blocks(file, blocks)) != header["sum"]:
        return None
    remaining = iter(arrays)
    stores = {
        name: TokenStore(**{array: next(remaining) for array in _ARRAYS}, notes=tuple(unpack(notes)))
        for name, notes in header["stores"].items()
    }
    return Entry(stores, header["about"]) if all(store.is_consistent() for store in stores.values()) else None


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.data.cast("B") if array.size else memoryview(b"")


def _read_blocks(file: BinaryIO, blocks: Iterable[tuple[int, int]]) -> Iterator[memoryview]:
    """The bytes of blocks, each (where it begins, its length), in pieces."""
    buffer = memoryview(bytearray(1 << 20))
    for start, length in blocks:
        file.seek(start)
        while length and (count := file.readinto(buffer[: min(length, len(buffer))])):  # type: ignore[attr-defined]
            yield buffer[:count]
            length -= count


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
