"""A disk that can be made to fail: every file operation is counted and written down, and can be the last one.

watch() is called in the process that is to die. cut_power() is called afterwards, by another one: what had not been
synced when the process died is lost, or torn, or undone, as after a power cut.
"""

import builtins
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.lib._format_impl as numpy_format

WATCHED = ("open", "write", "pwrite", "ftruncate", "fsync", "mkdir", "rename", "replace", "unlink", "remove", "rmdir")
_REAL = {name: getattr(os, name) for name in WATCHED}
_real_open = io.open
NOT_OF_NAMES = ("open", "write", "was there")  # operations that leave the entries of a folder as they are

Interfere = Callable[[int, str, str], None]  # (number of the operation, its kind, its file); it may raise an OSError


def die_at(number: int | None) -> Interfere:
    """The process dies before the operation of a number; None: it does not."""

    def interfere(count: int, kind: str, path: str) -> None:
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return interfere


def watch(folder: Path, notes: Path, interfere: Interfere) -> None:
    """Write every operation that changes a file below `folder` into the folder `notes`, once `interfere` let it pass.

    What an operation removes or replaces is kept in `notes` by a hard link.
    """
    notes.mkdir(exist_ok=True)
    journal = _REAL["open"](notes / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    count = 0

    # What is there already is taken to have reached the disk since it was written.
    for path in folder.rglob("*"):
        if path.is_file():
            entry = path.stat()
            synced = {"kind": "was there", "path": str(path), "inode": entry.st_ino, "size": entry.st_size}
            _REAL["write"](journal, json.dumps(synced).encode() + b"\n")

    def note(kind: str, path: str, **values: Any) -> None:
        nonlocal count
        count += 1
        interfere(count, kind, path)
        line = {"kind": kind, "path": path, **values}
        _REAL["write"](journal, json.dumps(line).encode() + b"\n")

    def keep(path: str) -> str:
        """A second name of a file, to bring it back by; "" for none."""
        if not os.path.isfile(path):
            return ""
        os.link(path, notes / f"kept-{count}-{os.getpid()}")
        return str(notes / f"kept-{count}-{os.getpid()}")

    def is_below(path: str) -> bool:
        return path.startswith(f"{folder}/") or path == str(folder)

    def whole(path: Any, dir_fd: int | None) -> str:
        text = os.fspath(path)
        if os.path.isabs(text) or dir_fd is None:
            return os.path.abspath(text)
        return os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), text)

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            note_opening(whole(path, dir_fd))
        return int(_REAL["open"](path, flags, mode, dir_fd=dir_fd))

    def note_opening(place: str) -> None:
        if is_below(place):
            note("open" if os.path.lexists(place) else "create", place)

    def note_writing(place: str) -> None:
        if is_below(place):
            note("write", place)

    def on_descriptor(name: str) -> Callable[..., Any]:
        def call(file: int, *values: Any) -> Any:
            note_writing(os.readlink(f"/proc/self/fd/{file}"))
            return _REAL[name](file, *values)

        return call

    def fsync(file: int) -> None:
        place, entry = os.readlink(f"/proc/self/fd/{file}"), os.fstat(file)
        if is_below(place):
            note("sync", place, inode=entry.st_ino, size=entry.st_size)

    def replace(source: Any, target: Any, **options: Any) -> None:
        if is_below(whole(target, None)):
            note("replace", whole(source, None), target=whole(target, None), kept=keep(whole(target, None)))
        _REAL["replace"](source, target, **options)

    def unlink(path: Any, *, dir_fd: int | None = None) -> None:
        place = whole(path, dir_fd)
        if is_below(place) and os.path.lexists(place):
            note("unlink", place, kept=keep(place))
        _REAL["unlink"](path, dir_fd=dir_fd)

    def folder_operation(name: str) -> Callable[..., None]:
        def call(path: Any, *values: Any, dir_fd: int | None = None) -> None:
            place = whole(path, dir_fd)
            if is_below(place) and os.path.lexists(place) == (name == "rmdir"):
                note(name, place)
            _REAL[name](path, *values, dir_fd=dir_fd)

        return call

    os.open, os.fsync, os.replace, os.rename = open_, fsync, replace, replace  # type: ignore[assignment]
    os.write, os.pwrite, os.ftruncate = (on_descriptor(name) for name in ("write", "pwrite", "ftruncate"))
    os.unlink = os.remove = unlink
    os.mkdir, os.rmdir = folder_operation("mkdir"), folder_operation("rmdir")
    _watch_python_files(note_opening, note_writing)
    _watch_mlx(note_opening, note_writing)


def _watch_python_files(note_opening: Callable[[str], None], note_writing: Callable[[str], None]) -> None:
    """open(), Path.open() and what is built on them."""

    class WatchedFile(io.FileIO):
        def write(self, data: Any) -> int:
            note_writing(os.readlink(f"/proc/self/fd/{self.fileno()}"))
            return super().write(data)

    def open_(file: Any, mode: str = "r", buffering: int = -1, *values: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+") or buffering == 0 or "opener" in options:
            return _real_open(file, mode, buffering, *values, **options)
        if not isinstance(file, int):
            note_opening(os.path.abspath(os.fspath(file)))
        raw = WatchedFile(file, mode.replace("b", "").replace("t", ""))
        binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, *values, **options)

    io.open = builtins.open = open_
    numpy_format.isfileobj = lambda file: False  # NumPy then writes through the file that it is given


def _watch_mlx(note_opening: Callable[[str], None], note_writing: Callable[[str], None]) -> None:
    """mx.save_safetensors, which does not look whether all that it writes was written."""
    import mlx.core as mx

    save = mx.save_safetensors

    def save_safetensors(path: str, tensors: Any, **options: Any) -> None:
        try:
            note_opening(os.path.abspath(path))
        except OSError:
            raise RuntimeError(f"[save_safetensors] Failed to open file {path}") from None
        try:
            note_writing(os.path.abspath(path))
        except OSError:
            save(path, tensors, **options)
            os.truncate(path, os.path.getsize(path) // 2)
            return
        save(path, tensors, **options)

    mx.save_safetensors = save_safetensors  # type: ignore[assignment]


def operations(notes: Path) -> list[dict[str, Any]]:
    """What was written down about operations and what was there before, in order."""
    journal = notes / "journal"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [json.loads(line) for line in lines]


def draw(done: list[dict[str, Any]], count: int | None, rng: random.Random) -> list[int]:
    """The numbers of `count` operations, of each file some and of different kinds; None for a number: all."""
    if count is None:
        return list(range(1, len(done) + 1))
    same: dict[tuple[str, str], list[int]] = {}
    for n, o in enumerate(done, 1):
        same.setdefault((re.sub(r"[0-9a-f]{20}|\d+", "N", os.path.basename(o["path"])), o["kind"]), []).append(n)
    for numbers in same.values():
        rng.shuffle(numbers)
    rows = itertools.zip_longest(*rng.sample(list(same.values()), len(same)))  # the first of each, the second of each
    return sorted([n for row in rows for n in row if n is not None][:count])


def cut_power(folder: Path, notes: Path, rng: random.Random) -> None:
    """Take from a folder what was not yet on the disk itself when the process died."""
    done = operations(notes)
    _undo_names([o for o in done if o["kind"] not in NOT_OF_NAMES], rng)
    synced = {o["inode"]: o["size"] for o in done if "inode" in o}
    for path in folder.rglob("*"):
        if path.is_file():
            _tear(path, synced.get(path.stat().st_ino, 0), rng)


def _undo_names(done: list[dict[str, Any]], rng: random.Random) -> None:
    """Undo the newest changes of each folder's names since it was synced last; how many of them, is chance."""
    pending: dict[str, list[dict[str, Any]]] = {}
    order: dict[int, int] = {}
    for n, operation in enumerate(done):
        order[id(operation)] = n
        if operation["kind"] == "sync":
            pending.pop(operation["path"], None)
        else:
            pending.setdefault(os.path.dirname(operation["path"]), []).append(operation)
    lost = [operation for changes in pending.values() for operation in changes[rng.randint(0, len(changes)) :]]
    for operation in sorted(lost, key=lambda o: -order[id(o)]):
        _undo(operation)


def _undo(operation: dict[str, Any]) -> None:
    path, kept = Path(operation["path"]), operation.get("kept")
    if not path.parent.is_dir():
        return
    match operation["kind"]:
        case "create":
            path.unlink(missing_ok=True)
        case "mkdir":
            shutil.rmtree(path, ignore_errors=True)
        case "rmdir":
            path.mkdir(exist_ok=True)
        case "unlink" if kept and not path.exists():
            os.link(kept, path)
        case "replace":
            target = Path(operation["target"])
            if target.exists() and not path.exists():
                target.rename(path)
                if kept:
                    os.link(kept, target)


def _tear(path: Path, synced: int, rng: random.Random) -> None:
    """Lose what a file holds beyond its synced bytes: all, a part of it, or what it was, zeros being left."""
    size = path.stat().st_size
    if size <= synced:
        return
    data = path.read_bytes()
    rest = data[synced : rng.randint(synced, size)]
    with path.open("r+b") as file:  # the same inode, and so do its other names
        file.seek(synced)
        file.write(bytes(len(rest)) if rng.random() < 0.3 else rest)
        file.truncate()
