"""A run belongs to one process: a lock on a file in its folder, which the system releases when the process ends."""

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from core.errors import BadOption
from core.files.atomic_files import NO_LOCKS, open_private
from core.files.file_errors import explain
from core.text.sentence import say

LOCK = "run.lock"

_TRIES, _PAUSE_SECONDS = 20, 0.05  # whoever only asks, see is_locked(), has the lock for a moment


class RunLock:
    """The lock of one run's folder, from acquire() to release(). The file stays, and says who had it last."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._file: int | None = None

    def acquire(self) -> str:
        """Take the lock. Raises BadOption where another process, or another thread, trains in the folder.

        Returns a sentence where the file system has no locks; "" is as it should be.
        """
        note = ""
        with explain(self._path):
            file = open_private(self._path, os.O_RDWR)
            try:
                if not _lock(file):
                    note = say(
                        "The file system of {parent} has no locks: take care that nothing else trains in this folder "
                        "meanwhile.",
                        parent=self._path.parent,
                    )
                os.ftruncate(file, 0)
                os.pwrite(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
            except BlockingIOError:
                os.close(file)
                raise BadOption(
                    say(
                        "{folder} is being trained in by {holder}.",
                        folder=self._path.parent,
                        holder=_holder(self._path),
                    )
                ) from None
            except OSError:
                os.close(file)
                raise
        self._file = file
        return note

    def release(self) -> None:
        """Let go of the lock, where it was taken."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def is_locked(folder: Path) -> bool:
    """Whether a process trains in a run's folder now. False also where the file system cannot tell."""
    try:
        file = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _lock(file: int) -> bool:
    """Take the lock; returns whether there are locks. Raises BlockingIOError where another has it."""
    for attempt in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE_SECONDS)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            break
    return False


def _holder(path: Path) -> str:
    """Who has a lock, as the file says."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        owner = json.loads(path.read_text(encoding="utf-8"))
        return say("process {pid} on {host}", pid=owner["pid"], host=owner["host"])
    return say("another process")
