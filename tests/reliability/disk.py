"""A disk that can be made to fail: every file operation is counted and written down, and can be the last one.

watch() is called in the process that is to die. cut_power() is called afterwards, by another one: what had not been
synced when the process died is lost, or torn, or undone, as after a power cut.
"""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

WATCHED = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "remove", "rmdir")
_REAL = {name: getattr(os, name) for name in WATCHED}


def watch(folder: Path, notes: Path, die_at: int | None = None) -> None:
    """Write every operation on a file below `folder` into the folder `notes`; die before the one numbered `die_at`.

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
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        _REAL["write"](journal, json.dumps({"kind": kind, "path": path, **values}).encode() + b"\n")

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
        place = whole(path, dir_fd)
        if flags & os.O_CREAT and is_below(place) and not os.path.lexists(place):
            note("create", place)
        return int(_REAL["open"](path, flags, mode, dir_fd=dir_fd))

    def write(file: int, data: bytes) -> int:
        place = os.readlink(f"/proc/self/fd/{file}")
        if is_below(place):
            note("write", place)
        return int(_REAL["write"](file, data))

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

    os.open, os.write, os.fsync, os.replace, os.rename = open_, write, fsync, replace, replace  # type: ignore[assignment]
    os.unlink = os.remove = unlink
    os.mkdir, os.rmdir = folder_operation("mkdir"), folder_operation("rmdir")


def operations(notes: Path) -> list[dict[str, Any]]:
    """What was written down, in order."""
    journal = notes / "journal"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [json.loads(line) for line in lines]


def cut_power(folder: Path, notes: Path, rng: random.Random) -> None:
    """Take from a folder what was not yet on the disk itself when the process died."""
    done = operations(notes)
    _undo_names([o for o in done if o["kind"] not in ("write", "was there")], rng)
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
