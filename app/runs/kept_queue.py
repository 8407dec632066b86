"""The runs that wait, kept in a file, so that they are still there after the next start. No Qt.

One window at a time keeps its queue: another that is open beside it neither reads nor writes the file.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.desktop import preferences
from app.desktop.language import tr
from core.errors import BadOption, Unavailable, UserError
from core.files.atomic_files import make_private_folder, replacing
from core.files.file_errors import explain
from core.run import Run
from core.run.lock import RunLock, is_locked

_MAX_BYTES = 4 << 20


@dataclass(frozen=True)
class QueuedRun:
    """A run that waits: a new one, or with `is_resumed` one that goes on from its checkpoint. It has an `output`."""

    run: Run
    is_resumed: bool = False
    changes: dict[str, Any] = field(default_factory=dict)  # what it goes on with, by keys of run.toml


class KeptQueue:
    """The file of the runs that wait. `held` are those of before, which only go on once the person says so."""

    def __init__(self) -> None:
        folder = preferences.data_folder() / "queue"
        self._file = folder / "queue.json"
        self._lock: RunLock | None = None
        self.held: list[QueuedRun] = []
        self.problem = ""  # why some of what was kept cannot go on
        try:
            with explain(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                make_private_folder(folder)
            if not is_locked(folder):
                lock = RunLock(folder)
                lock.acquire()
                self._lock = lock
        except (Unavailable, BadOption):
            return  # another window keeps its queue, or nothing can be kept here
        if self._lock is not None:
            self.held, self.problem = read_queue(self._file)

    @property
    def keeps(self) -> bool:
        """Whether this window's queue is kept."""
        return self._lock is not None

    def write(self, waiting: Iterable[QueuedRun]) -> None:
        """Keep the runs that are held and those that wait. Raises Unavailable where that is not possible."""
        if self._lock is None:
            return
        items = [
            {"run": kept.run.to_toml(), "resumes": kept.is_resumed, "changes": kept.changes}
            for kept in (*self.held, *waiting)
        ]
        with explain(self._file):
            if not items:
                self._file.unlink(missing_ok=True)
                return
            with replacing(self._file) as temporary:
                temporary.write_text(json.dumps(items, indent=1), encoding="utf-8")

    def close(self) -> None:
        """Let another window keep its queue."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


def read_queue(path: Path) -> tuple[list[QueuedRun], str]:
    """(the runs in a file, a sentence about those in it that are none or ""). It holds no yes to code."""
    try:
        if not path.is_file():
            return [], ""
        if path.stat().st_size > _MAX_BYTES:
            return [], tr(
                "{path} is larger than {size} MB: nothing of the queue is kept.", path=path, size=_MAX_BYTES >> 20
            )
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return [], tr("{path} cannot be read: {reason}.", path=path, reason=error)
    except (ValueError, RecursionError):
        return [], tr("{path} is not valid JSON: the runs that waited are lost.", path=path)
    runs: list[QueuedRun] = []
    problem = ""
    for number, item in enumerate(values if isinstance(values, list) else [None], 1):
        try:
            runs.append(_read_item(item))
        except UserError as error:
            problem = tr("Run {number} of the queue cannot go on. {error}", number=number, error=error)
    return runs, problem


def _read_item(item: Any) -> QueuedRun:
    if not isinstance(item, dict) or not isinstance(item.get("run"), str) or not isinstance(item.get("resumes"), bool):
        raise BadOption(tr("It is not a table with a run."))
    run = Run.from_toml(item["run"], tr("It"))
    if not run.output:
        raise BadOption(tr("It has no folder yet."))
    changes = item.get("changes", {})
    changed = run
    for key, value in changes.items() if isinstance(changes, dict) else ():
        changed = changed.replace(key, value)  # raises BadOption where it is none
    return QueuedRun(run, item["resumes"], changes if changed is not run else {})
