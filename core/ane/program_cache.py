"""Programs that were made before, kept on disk by all that decides them: they are made once on a machine.

An entry is a folder with the saved program, what Core ML compiled of it, and a list of its files with their hashes. It
is put in place whole, by one renaming: two processes that make the same program at once end with one of the two. What
is damaged is made anew; what was used longest ago goes where there is too much.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import platformdirs
from mlx.utils import tree_flatten

from core.ane.block import rope_tables
from core.ane.program import ChunkSpec
from core.ane.verdict_cache import machine_key
from core.files.atomic_files import replacing
from core.files.checksums import hash_file

PACKAGE, FILES = "program.mlpackage", "files.json"
MOST_BYTES = 16_000_000_000  # of all entries, and never more than a quarter of what the disk could hold of them
RECENT_SECONDS = 600.0  # what was used since stays: another process may be loading it
ABANDONED_SECONDS = 86_400.0  # of a program that is being made: its process is gone


def usual_folder() -> Path:
    """Where programs are kept."""
    return Path(platformdirs.user_cache_dir("Hone", appauthor=False)) / "neural-engine-programs"


def program_key(blocks: Sequence[nn.Module], spec: ChunkSpec) -> str:
    """A name for the program of these blocks: by their frozen weights, positions, sizes and precision, the adapters'
    ranks, and who writes and reads it on which system."""
    shapes = [asdict(shape) for shape in spec.shapes]
    settings = [spec.length, spec.taps, np.dtype(spec.dtype).name, shapes, machine_key()]
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16)
    for block in blocks:
        norms = [m.eps for _, m in block.named_modules() if isinstance(m, nn.RMSNorm)]
        digest.update(json.dumps([type(block).__module__, block.self_attn.scale, norms]).encode())
        for table in rope_tables(block, spec.length):
            digest.update(table.tobytes())
        for name, value in sorted(tree_flatten(block.parameters())):
            if name.rpartition(".")[2] not in ("lora_a", "lora_b"):
                digest.update(json.dumps([name, str(value.dtype), value.shape]).encode())
                digest.update(np.array(mx.contiguous(value).view(mx.uint8)).data)
    return digest.hexdigest()


class ProgramCache:
    """The programs in a folder."""

    def __init__(self, folder: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self.most_bytes = folder or usual_folder(), most_bytes

    def get(self, key: str, make: Callable[[Path], None]) -> tuple[Path, bool]:
        """(the package of a program, whether it was there). `make` saves it where it was not. Raises OSError."""
        entry = self.folder / key
        if is_whole(entry):
            os.utime(entry)
            return entry / PACKAGE, True
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".", dir=self.folder))
        try:
            make(temporary / PACKAGE)
            list_files(temporary)
            self._publish(temporary, entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self.clean()
        return entry / PACKAGE, False

    @property
    def size(self) -> int:
        """Bytes of all programs that are kept."""
        return sum(_size(entry) for entry in self._entries())

    def clean(self) -> None:
        """Remove what was used longest ago where there is too much, and what was never finished."""
        now = time.time()
        for folder in self.folder.glob(".*"):
            if now - _used_at(folder) > ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        entries = sorted(self._entries(), key=_used_at)
        sizes = {entry: _size(entry) for entry in entries}
        left = sum(sizes.values())
        most = min(self.most_bytes, (shutil.disk_usage(self.folder).free + left) // 4)
        for entry in entries:
            if left > most and now - _used_at(entry) > RECENT_SECONDS:
                self._remove(entry)
                left -= sizes[entry]

    def _publish(self, temporary: Path, entry: Path) -> None:
        """Rename a finished entry to its place; where another process was first, theirs stays."""
        temporary.chmod(0o700)
        for _ in range(3):
            try:
                temporary.rename(entry)
                return
            except OSError:
                if is_whole(entry):
                    return
                self._remove(entry)  # damaged
        temporary.rename(entry)

    def _remove(self, entry: Path) -> None:
        gone = Path(tempfile.mkdtemp(prefix=".", dir=self.folder))
        with suppress(OSError):  # another process was first
            entry.rename(gone / entry.name)
        shutil.rmtree(gone, ignore_errors=True)

    def _entries(self) -> list[Path]:
        return [path for path in self.folder.glob("[!.]*") if path.is_dir()]


def list_files(entry: Path) -> None:
    """Write the list of an entry's files, for is_whole()."""
    paths = [path for path in sorted(entry.rglob("*")) if path.is_file() and path.name != FILES]
    files = {str(path.relative_to(entry)): [path.stat().st_size, hash_file(path)] for path in paths}
    with replacing(entry / FILES) as temporary:
        temporary.write_text(json.dumps(files, indent=1), "utf-8")


def is_listed(folder: Path) -> bool:
    """Whether a folder beside a package belongs to its entry, whose list names its files."""
    return any(name.startswith(f"{folder.name}/") for name in _files(folder.parent))


def add_folder(source: Path, folder: Path) -> None:
    """Copy a folder into the entry that `folder` is to lie in, if it is an entry, whole or not at all."""
    if not _files(folder.parent):
        return
    temporary = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent.parent))
    try:
        with suppress(OSError):  # another process was first, or the disk is full: it is compiled again next time
            shutil.copytree(source, temporary / folder.name)
            (temporary / folder.name).rename(folder)
            list_files(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_whole(entry: Path) -> bool:
    """Whether an entry is there and every file of it is as it was written."""
    files = _files(entry)
    try:
        sizes_match = all((entry / name).stat().st_size == size for name, (size, _) in files.items())
        return bool(files) and sizes_match and all(hash_file(entry / name) == sha for name, (_, sha) in files.items())
    except OSError:
        return False


def _files(entry: Path) -> dict[str, Any]:
    try:
        found = json.loads((entry / FILES).read_text("utf-8"))
        return {str(name): [int(size), str(sha)] for name, (size, sha) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _size(entry: Path) -> int:
    return sum(size for size, _ in _files(entry).values())


def _used_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0
