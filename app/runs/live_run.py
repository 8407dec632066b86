"""A run that this window trains, or will: its thread, its record, and what it was asked for on the way."""

import time
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.runs.failed_start import keep_failed_start
from app.runs.record import RunRecord
from app.threads import core_calls, crash_report
from app.threads.run_thread import EventSource, RunThread
from core.events import Event, Started
from core.run import Run
from core.text.sentence import say


class LiveRun(QObject):
    """A run of this window: its thread and its record. `changed` after each event, `finished` once, or
    `cancelled` where it left the queue before it began."""

    changed = Signal()
    finished = Signal()
    cancelled = Signal()

    def __init__(self, run: Run, events: EventSource, record: RunRecord | None = None) -> None:
        super().__init__()
        self.run, self.record = run, record or RunRecord()
        self.is_waiting, self.is_stopping, self.is_saving = True, False, False
        self.has_turn = False  # no run is before it, though it may still wait for a check or a chat to end
        self.is_skipping = False  # what could be left out of stopping
        self.has_started = False  # its steps, in this window
        self.changes: dict[str, Any] = {}  # what it resumes with, by keys of run.toml
        self.changed_inputs: tuple[str, ...] = ()  # for which it has not gone on
        self.is_resumed = False  # it goes on from a checkpoint of its folder
        self.run_thread = RunThread(events, self)
        self.run_thread.event_arrived.connect(self._add)
        self.run_thread.inputs_changed.connect(self._note_changes)
        self.run_thread.failed.connect(self._fail)
        self.run_thread.crashed.connect(self._crash)
        self.run_thread.finished.connect(self._finish)

    @property
    def is_running(self) -> bool:
        return self.run_thread.isRunning()

    def start(self) -> None:
        """Start the thread. JobQueue calls this when it is the run's turn."""
        self.is_waiting = False
        self.run_thread.start()
        self.changed.emit()

    def stop(self) -> None:
        """Finish the step, save, and keep the adapter."""
        self.is_stopping = True
        self.run_thread.stop.set()
        self.changed.emit()

    def pause(self) -> None:
        """Write a checkpoint after the present step, and give the memory back."""
        self.run_thread.stop.pause()
        self.changed.emit()

    @property
    def is_pausing(self) -> bool:
        """Whether it was asked to pause, and does not pause yet."""
        return self.run_thread.stop.pauses and self.is_running

    def skip_rest(self) -> None:
        """Stop, and leave out what only tells how the run went."""
        self.is_stopping = self.is_skipping = True
        self.run_thread.stop.skip()
        self.changed.emit()

    def save_now(self) -> None:
        """Write a checkpoint after the present step."""
        self.is_saving = True
        self.run_thread.save_now.set()
        self.changed.emit()

    def _add(self, event: Event) -> None:
        self.record.add(event)
        self.has_started = self.has_started or isinstance(event, Started)
        self.is_saving = self.is_saving and self.run_thread.save_now.is_set()
        self.changed.emit()

    def _note_changes(self, changes: tuple[str, ...]) -> None:
        self.changed_inputs = changes

    def _fail(self, sentence: str) -> None:
        self._note_failure(sentence)

    def _crash(self, details: str) -> None:
        sentence = say("Something went wrong inside Hone. What was saved before is kept.")
        self._note_failure(sentence)
        crash_report.report(details)

    def _note_failure(self, sentence: str) -> None:
        self.record.fail(sentence)
        keep_failed_start(self.run, sentence)
        self.changed.emit()

    def _finish(self) -> None:
        self.record.note_memory(core_calls.process_memory(), time.time())
        self.finished.emit()
