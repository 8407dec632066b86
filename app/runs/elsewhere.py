"""A run that another window or program trains: followed by what it writes into its folder."""

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.runs import history
from app.runs.record import RunRecord
from app.threads.task import Task
from core.run.lock import is_locked

_LOOK_MS = 2000  # between two looks at the folder


class ElsewhereRun(QObject):
    """`changed(record)` when there is more to read, `ended(record)` once nobody trains the run any more."""

    changed = Signal(object)
    ended = Signal(object)

    def __init__(self, folder: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._folder = folder
        self._size = -1  # of the log when it was read last
        self._reading: Task | None = None
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Look from now on."""
        self._timer.start()

    def stop(self) -> None:
        """Look no more until start()."""
        self._timer.stop()

    def look(self) -> None:
        """Read the folder, unless that is going on."""
        if self._reading is None:
            self._reading = Task(self, self._read, done=self._show)

    def _read(self) -> tuple[bool, int, RunRecord | None]:
        """(whether it is still trained, the size of its log, what that says where it is another than before)."""
        is_trained, log = is_locked(self._folder), self._folder / "events.jsonl"
        size = log.stat().st_size if log.is_file() else 0
        is_new = size != self._size or not is_trained
        return is_trained, size, history.read_record(self._folder) if is_new else None

    def _show(self, read: tuple[bool, int, RunRecord | None]) -> None:
        is_trained, self._size, record = read
        self._reading = None
        if not is_trained:
            self.stop()
            self.ended.emit(record)
        elif record is not None:
            self.changed.emit(record)
