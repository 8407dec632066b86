"""Files written whole or not at all: under a temporary name, synced, and renamed. And lines that are appended.

What belongs to a run is for its owner alone, whatever the umask.
"""

import errno
import fcntl
import json
import math
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core.errors import Unavailable
from core.files.file_errors import explain
from core.text.sentence import say

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)  # of a file system without any
_SPARE_BYTES = 1_000_000  # that are left free beside tensors, for their header and the files beside them
_TRIES, _PAUSE_SECONDS = 100, 0.05  # for a file that another process is writing


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, or make an existing one such. Its parent has to be there."""
    if not path.is_dir():
        path.mkdir(PRIVATE_FOLDER)
        sync(path.parent)
    with suppress(OSError):  # another's folder, or a file system without owners
        path.chmod(PRIVATE_FOLDER)


def open_private(path: Path, flags: int) -> int:
    """A file descriptor of a file that is made if need be, for its owner alone whatever the umask."""
    file = os.open(path, flags | os.O_CREAT, PRIVATE_FILE)
    if stat.S_IMODE(os.fstat(file).st_mode) != PRIVATE_FILE:
        with suppress(OSError):  # as above
            os.fchmod(file, PRIVATE_FILE)
    return file


@contextmanager
def replacing(path: Path, private: bool = True) -> Iterator[Path]:
    """A temporary name beside `path` to write to; synced and renamed at the end, removed on an error.

    `private` makes it a file for its owner alone. Of two processes that replace the same file, such as two windows, the
    second waits for the first.
    """
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    file = _take(temporary, private)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()
        raise
    finally:
        os.close(file)
    sync(path.parent)


def _take(path: Path, private: bool) -> int:
    """A descriptor of an empty file that is this caller's until it is closed. Raises BlockingIOError after a while."""
    for _ in range(_TRIES):
        file = open_private(path, os.O_RDWR) if private else os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if _lock(file) and _is_at(file, path):
                os.ftruncate(file, 0)
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        time.sleep(_PAUSE_SECONDS)
    raise BlockingIOError(errno.EAGAIN, say("another process is writing it"), str(path))


def _lock(file: int) -> bool:
    """Lock a file; False where another has it. On a file system without locks there is nothing to wait for."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return True


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file still has this name: whoever had it before may have renamed or removed it."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def append(path: Path, text: str) -> None:
    """Add lines to the end of a file for its owner alone. A line that was cut off there before is ended first."""
    file = open_private(path, os.O_RDWR | os.O_APPEND)
    try:
        size = os.fstat(file).st_size
        lines = text.encode("utf-8", "replace")  # half of a surrogate pair is no text
        if size and os.pread(file, 1, size - 1) != b"\n":
            lines = b"\n" + lines
        while lines:
            lines = lines[os.write(file, lines) :]
    finally:
        os.close(file)


def sync(path: Path) -> None:
    """Have a file, or a folder's entries, written to the disk itself; nothing to do where there is no such file."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(file)
        if hasattr(fcntl, "F_FULLFSYNC"):  # macOS leaves what it has synced in the disk's own memory
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOTTY):  # a file system that cannot sync folders
            raise
    finally:
        os.close(file)


def save_tensors(
    path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None = None, private: bool = True
) -> None:
    """A safetensors file, whole or not at all. Raises Unavailable before writing when the disk lacks the space."""
    import mlx.core as mx

    size = sum(t.nbytes for t in tensors.values())
    with explain(path):
        free = shutil.disk_usage(path.parent).free
        needed = size + _SPARE_BYTES
        if free < needed:
            raise Unavailable(
                say(
                    "The disk is full: {name} needs {needed:,.0f} MB and {free:,.0f} MB are free.",
                    name=path.name,
                    needed=math.ceil(needed / 1e6),
                    free=math.floor(free / 1e6),
                )
            )
        with replacing(path, private) as temporary:
            try:
                mx.save_safetensors(str(temporary), tensors, metadata=metadata)
            except RuntimeError as error:
                if shutil.disk_usage(path.parent).free < size:  # it has filled since it was looked at
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
                reason = str(error).rstrip(".")
                raise Unavailable(say("{path} could not be written: {reason}.", path=path, reason=reason)) from None
            if not _is_whole(temporary):  # MLX does not look whether all was written
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _is_whole(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    with path.open("rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(header_size))
        except ValueError:
            return False
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return path.stat().st_size >= 8 + header_size + max(ends, default=0)
