"""The queue of runs: one run at a time has the model, the others wait, and a chat gives way to a run."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QThread, QTimer, Signal

from app.desktop.language import tr
from app.runs.live_run import LiveRun
from app.threads import gc
from app.threads.chat_thread import ChatThread
from app.threads.serve_thread import ServeThread
from app.threads.task import Task
from core.text.sentence import say

_SHUT_DOWN_MS = 5000  # how long shut_down() waits for a thread
_COLLECT_MS = 500  # after a chat


@dataclass(frozen=True)
class _Measuring:
    """The task that takes steps of a run which may be started, and what ends it."""

    task: Task
    stop: threading.Event


class JobQueue(QObject):
    """Starts runs one after the other, also behind one that failed. `current_changed` when another run, or none, is
    training; `queue_changed` when other runs wait, or in another order; `run_failed(live)` when one has failed;
    `export_changed` when a result begins to be exported, or no longer is."""

    current_changed = Signal()
    queue_changed = Signal()
    run_failed = Signal(object)
    export_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.current: LiveRun | None = None
        self._waiting_runs: deque[LiveRun] = deque()
        self._chat: ChatThread | ServeThread | None = None  # what has a model beside the runs
        self._measuring: _Measuring | None = None
        self.export: Task | None = None  # until its thread has ended
        self._closing_chats: list[ChatThread | ServeThread] = []  # closed, but their threads have not ended yet

    def start(self, live: LiveRun) -> None:
        """Start a run now, or once those before it have finished."""
        live.setParent(self)
        live.finished.connect(lambda: self._finish(live))
        self._waiting_runs.append(live)
        if self.current is None:
            self._start_next()
        else:
            self.queue_changed.emit()

    @property
    def waiting_runs(self) -> tuple[LiveRun, ...]:
        """The runs that wait, the next one first."""
        return tuple(self._waiting_runs)

    def move(self, live: LiveRun, by: int) -> None:
        """Let a run that waits start earlier (-1) or later (1)."""
        if live in self._waiting_runs:
            place = self._waiting_runs.index(live)
            self._waiting_runs.remove(live)
            self._waiting_runs.insert(max(0, place + by), live)
            self.queue_changed.emit()

    def cancel(self, live: LiveRun) -> None:
        """Take a run that has not started out of the queue."""
        if not live.is_waiting or (live is not self.current and live not in self._waiting_runs):
            return
        live.is_waiting = live.has_turn = False
        if live.record.paused is None:  # a run that was to go on pauses as before
            live.record.fail(say("Taken out of the queue before it began."))
        if live is self.current:
            self._start_next()
        else:
            self._waiting_runs.remove(live)
        live.cancelled.emit()
        self.queue_changed.emit()

    def measure(self, work: Callable[[threading.Event], Iterator[Any]], show: Callable[[Any], None]) -> str:
        """Have `work(stop)` take steps of a run that may be started; `show` gets its items on the UI thread.

        Returns why it cannot be done now, or "". A run that is started ends it.
        """
        if self.current is not None:
            return tr("Not measured while another run is training.")
        self.end_measuring()
        self.end_chat()
        stop = threading.Event()
        task = Task(self, lambda: work(stop), progress=show)
        self._measuring = _Measuring(task, stop)
        task.ended.connect(self._drop_measuring)
        return ""

    def end_measuring(self) -> None:
        """End what measure() began, after the step that is being taken."""
        if self._measuring is not None:
            self._measuring.stop.set()
            self._measuring.task.cancel()

    def note_export(self, task: Task) -> None:
        """A result is being exported by this task: no other one is, until its thread has ended."""
        self.export = task
        task.ended.connect(self._drop_export)
        self.export_changed.emit()

    def make_chat(self, open_chat: Callable[[], Any]) -> ChatThread | None:
        """A chat that has the model to itself, or None while a run has it.

        The caller starts the thread, once its signals are connected.
        """
        if self.current is not None or self._measuring is not None:
            return None
        self.end_chat()
        self._chat = chat = ChatThread(open_chat, self)
        return chat

    def make_server(self, build: Callable[[], Any]) -> ServeThread | None:
        """A server that has the model to itself, as a chat has, or None while a run has it. The caller starts it."""
        if self.current is not None or self._measuring is not None:
            return None
        self.end_chat()
        self._chat = server = ServeThread(build, self)
        return server

    def close_chat(self, chat: ChatThread | ServeThread) -> None:
        """Free the model of a chat or server that was made here, if it still has one."""
        if chat is self._chat:
            self.end_chat()

    def end_chat(self) -> None:
        """Take the model from the chat, or the server, if there is one."""
        if self._chat is not None:
            chat, self._chat = self._chat, None
            self._closing_chats.append(chat)
            chat.close()
            chat.finished.connect(self._drop_ended_chats)
            if chat.isFinished():
                self._drop_ended_chats()

    def stop_all(self) -> None:
        """Stop the current run, which saves its adapter, and forget those that wait."""
        self._waiting_runs.clear()
        if self.current is not None:
            self.current.stop()

    def shut_down(self) -> bool:
        """Stop everything and wait for it, a few seconds at most. Returns whether all threads have ended."""
        self.stop_all()
        self.end_chat()
        self.end_measuring()
        threads: list[QThread] = [*self._closing_chats]
        if self._measuring is not None:
            threads.append(self._measuring.task)
        if self.current is not None:
            threads.append(self.current.run_thread)
        return all([thread.wait(_SHUT_DOWN_MS) for thread in threads])

    def _drop_export(self) -> None:
        self.export = None
        self.export_changed.emit()

    def _finish(self, live: LiveRun) -> None:
        """Go on with the next run, however this one has ended."""
        has_failed = bool(live.record.problem)
        self._start_next()
        if has_failed:
            self.run_failed.emit(live)

    def _start_next(self) -> None:
        self.end_chat()
        self.end_measuring()
        waited = bool(self._waiting_runs)
        self.current = self._waiting_runs.popleft() if waited else None
        if self.current is not None:
            self.current.has_turn = True
            self.current.changed.emit()
        self.current_changed.emit()
        if waited:
            self.queue_changed.emit()
        self._start_current()

    def _start_current(self) -> None:
        """Start the run whose turn it is, once neither a chat nor a measurement holds a model any more."""
        is_free = not self._closing_chats and self._measuring is None
        if self.current is not None and self.current.is_waiting and is_free:
            self.current.start()

    def _drop_ended_chats(self) -> None:
        for chat in [chat for chat in self._closing_chats if chat.isFinished()]:
            self._closing_chats.remove(chat)
            chat.deleteLater()
        QTimer.singleShot(_COLLECT_MS, self, gc.collect_all)  # what is left of a model in reference cycles
        self._start_current()

    def _drop_measuring(self) -> None:
        if self._measuring is not None and self._measuring.task.isFinished():
            self._measuring = None
            self._start_current()
