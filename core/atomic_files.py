"""Files written whole or not at all: under a temporary name, synced, and renamed."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import BadOption, Unavailable


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; synced and renamed at the end, removed on an error."""
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_tensors(path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file, whole or not at all. Raises Unavailable before writing when the disk lacks the space."""
    import mlx.core as mx

    size = sum(t.nbytes for t in tensors.values())
    with explain(path):
        free = shutil.disk_usage(path.parent).free
        if free < size + 1_000_000:
            raise Unavailable(
                f"The disk is full: {path.name} needs {size / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free."
            )
        with replacing(path) as temporary:
            mx.save_safetensors(str(temporary), tensors, metadata=metadata)


@contextmanager
def explain(path: Path) -> Iterator[None]:
    """Turn an error of the operating system about a path into Unavailable or BadOption, with one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Unavailable(
                f"The disk is full; {path} could not be written. What was saved before is kept."
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Unavailable(f"There is no permission to write to {error.filename or path}.") from None
        if error.errno in (errno.ENOTDIR, errno.EEXIST):
            raise BadOption(f"{error.filename or path} is a file, where a folder is needed.") from None
        raise
