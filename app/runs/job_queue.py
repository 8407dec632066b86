"""Who has the model: one run at a time, the others wait; a chat gives way to a run."""

from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.runs.record import Record
from app.threads import crash_report
from app.threads.chat_thread import ChatThread
from app.threads.run_thread import Events, RunThread
from core.events import Event
from core.run import Run

_END_MS = 5000  # how long closing waits for a thread


class LiveRun(QObject):
    """A run of this window: its thread and what is known of it. `changed` after each event, `ended` once."""

    changed = Signal()
    ended = Signal()

    def __init__(self, run: Run, events: Events, record: Record | None = None) -> None:
        super().__init__()
        self.run, self.record = run, record or Record()
        self.waiting, self.stopping, self.saving = True, False, False
        self.thread_ = RunThread(events, self)
        self.thread_.happened.connect(self._add)
        self.thread_.failed.connect(self._fail)
        self.thread_.crashed.connect(self._crash)
        self.thread_.finished.connect(self._end)

    @property
    def running(self) -> bool:
        return self.thread_.isRunning()

    def start(self) -> None:
        self.waiting = False
        self.thread_.start()
        self.changed.emit()

    def stop(self) -> None:
        """Finish the step, save, and keep what was learned."""
        self.stopping = True
        self.thread_.stop.set()
        self.changed.emit()

    def save_now(self) -> None:
        """Write a checkpoint after the present step."""
        self.saving = True
        self.thread_.save_now.set()
        self.changed.emit()

    def _add(self, event: Event) -> None:
        self.record.add(event)
        self.saving = self.saving and self.thread_.save_now.is_set()
        self.changed.emit()

    def _fail(self, sentence: str) -> None:
        self.record.fail(sentence)
        self.changed.emit()

    def _crash(self, details: str) -> None:
        self.record.fail("Something went wrong inside Hone. What was saved before is kept.")
        self.changed.emit()
        crash_report.report(details)

    def _end(self) -> None:
        self.ended.emit()


class Jobs(QObject):
    """`current_changed` when another run, or none, is under way."""

    current_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.current: LiveRun | None = None
        self._waiting: deque[LiveRun] = deque()
        self._chat: ChatThread | None = None
        self._leaving: list[ChatThread] = []  # closed, and still ending

    def start(self, live: LiveRun) -> None:
        """Start a run now, or once those before it have ended."""
        live.setParent(self)
        live.ended.connect(self._next)
        self._waiting.append(live)
        if self.current is None:
            self._next()

    def cancel(self, live: LiveRun) -> None:
        """Take a run that has not begun out of the queue."""
        if live in self._waiting:
            self._waiting.remove(live)
            live.waiting = False
            live.record.fail("Taken out of the queue before it began.")
            live.changed.emit()

    def chat(self, open_chat: Callable[[], Any]) -> ChatThread | None:
        """A chat that has the model to itself, or None while a run has it. Whoever asked starts it, once connected."""
        if self.current is not None:
            return None
        self.end_chat()
        self._chat = ChatThread(open_chat, self)
        return self._chat

    def end_chat(self) -> None:
        """Take the model from the chat, if there is one."""
        if self._chat is not None:
            chat, self._chat = self._chat, None
            self._leaving.append(chat)
            chat.close()
            chat.finished.connect(self._chat_left)
            if chat.isFinished():
                self._chat_left()

    def stop_all(self) -> None:
        """Stop the run under way, which saves, and forget those that wait."""
        self._waiting.clear()
        if self.current is not None:
            self.current.stop()

    def end_all(self) -> bool:
        """Stop everything and wait for it, at most a few seconds. Whether all threads have ended."""
        self.stop_all()
        self.end_chat()
        threads: list[QThread] = [*self._leaving]
        if self.current is not None:
            threads.append(self.current.thread_)
        return all([thread.wait(_END_MS) for thread in threads])

    def _next(self) -> None:
        self.end_chat()
        self.current = self._waiting.popleft() if self._waiting else None
        self.current_changed.emit()
        self._start_current()

    def _start_current(self) -> None:
        """Start the run whose turn it is, once no chat holds a model any more."""
        if self.current is not None and self.current.waiting and not self._leaving:
            self.current.start()

    def _chat_left(self) -> None:
        self._leaving = [chat for chat in self._leaving if not chat.isFinished()]
        self._start_current()
