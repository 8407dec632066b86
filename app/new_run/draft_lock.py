"""A draft belongs to one window: a locked file beside it, which the system unlocks when the program ends. No Qt."""

import fcntl
import os
from contextlib import suppress
from itertools import count
from pathlib import Path

from core.files.atomic_files import open_private

_held: dict[Path, int] = {}  # the locked files of this program, which has one window, by the drafts that they are for


def take(draft: Path) -> bool:
    """Take a draft's file for this program. False where another program has it; True where that cannot be told."""
    if draft in _held:
        return True
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        file = open_private(_lock_of(draft), os.O_RDWR)
    except OSError:  # a folder that takes nothing: the window works without
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(file), _lock_of(draft).stat()):  # removed by whoever had it until now
            raise FileNotFoundError
    except BlockingIOError:
        os.close(file)
        return False
    except FileNotFoundError:
        os.close(file)
        return take(draft)
    except OSError:  # a file system without locks
        os.close(file)
        return True
    _held[draft] = file
    return True


def release(draft: Path) -> None:
    """Let other programs have a draft's file."""
    file = _held.pop(draft, None)
    if file is not None:
        with suppress(OSError):
            _lock_of(draft).unlink()
        os.close(file)


def take_first_free(draft: Path) -> tuple[Path, int]:
    """Take the first of draft.toml, draft-2.toml, … that no other program has; returns it, and which one it is."""
    for number in count(1):
        path = draft if number == 1 else draft.with_stem(f"{draft.stem}-{number}")
        if take(path):
            return path, number
    raise AssertionError("there is always one more")


def _lock_of(draft: Path) -> Path:
    return draft.with_suffix(".lock")
