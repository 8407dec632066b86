"""Keeps the runs that wait over a restart of the window, and asks before they go on."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr, tr_count
from app.runs.job_queue import JobQueue
from app.runs.kept_queue import KeptQueue, QueuedRun
from app.runs.labels import data_label
from app.shell.open_runs import OpenRuns
from app.widgets.allow_code import ask_to_allow
from app.widgets.message_box import MessageBox, Role, show_message
from core.errors import UserError
from core.run import Run


class QueueKeeper(QObject):
    """Writes the queue down whenever it changes. `changed` when other runs are held."""

    changed = Signal()

    def __init__(self, jobs: JobQueue, runs: OpenRuns, window: QWidget) -> None:
        super().__init__(window)
        self._jobs, self._runs, self._window = jobs, runs, window
        self._kept = KeptQueue()
        self._has_warned = False
        jobs.queue_changed.connect(self._write)

    @property
    def held(self) -> list[QueuedRun]:
        """The runs that waited when Hone was closed, and have not been let go on."""
        return list(self._kept.held)

    def ask(self) -> None:
        """Ask whether the runs that are held go on, if there are any; an answer is not waited for."""
        if self._kept.problem:
            show_message(self._window, tr("Not all of the queue is kept."), self._kept.problem)
        if not self._kept.held:
            return
        count = len(self._kept.held)
        names = "\n".join(f"• {data_label(kept.run)}, {tr(kept.run.spec.title)}" for kept in self._kept.held[:8])
        heading = tr_count(
            "{count} run was waiting when Hone was closed.", "{count} runs were waiting when Hone was closed.", count
        )
        box = MessageBox(self._window, heading, names)
        start = box.add_button(tr("Start them now"), Role.AcceptRole)
        box.add_button(tr("Not now"), is_default=True)
        box.ask(lambda chosen: self.go_on(self.held) if chosen is start else None)

    def go_on(self, items: Sequence[QueuedRun]) -> None:
        """Let runs that are held start, each once the code that it needs is allowed."""
        if not items:
            return
        kept, others = items[0], items[1:]

        def start(run: Run) -> None:
            self._start(kept, run)
            self.go_on(others)

        ask_to_allow(self._window, kept.run, start, lambda: self.go_on(others))  # where it is refused it stays held

    def _start(self, kept: QueuedRun, run: Run) -> None:
        self._kept.held.remove(kept)
        try:
            if kept.is_resumed:
                self._runs.resume_folder(Path(kept.run.output or ""), changes=kept.changes)
            else:
                self._runs.start(run)
        except UserError as error:
            show_message(self._window, tr("This run cannot go on."), tr(str(error)))
        self._write()
        self.changed.emit()

    def forget(self, kept: QueuedRun) -> None:
        """Take a run that is held out of the queue."""
        self._kept.held.remove(kept)
        self._write()
        self.changed.emit()

    def close(self) -> None:
        """Leave the file as it is, for the next start."""
        self._jobs.queue_changed.disconnect(self._write)
        self._kept.close()

    def _write(self) -> None:
        waiting = [QueuedRun(live.run, live.is_resumed, live.changes) for live in self._jobs.waiting_runs]
        try:
            self._kept.write(waiting)
        except UserError as error:
            if not self._has_warned:
                self._has_warned = True
                show_message(self._window, tr("The queue is not kept over a restart."), tr(str(error)))
