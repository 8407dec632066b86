"""A conversation with one model: opens it when first asked, and hands its words to whoever shows them."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.runs.job_queue import Jobs
from app.threads import crash_report
from app.threads.chat_thread import Ask, ChatThread, Message

BUSY = "A run is using the model. Ask again when it is done."


class Talk(QObject):
    """`piece(ticket, text)` as words come, `answered(ticket)` at the end, `failed(sentence)` when it cannot be."""

    piece = Signal(int, str)
    answered = Signal(int)
    failed = Signal(str)
    opening = Signal()
    ready = Signal()

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._open: Callable[[], Any] | None = None
        self._thread: ChatThread | None = None
        self._ticket = 0
        self._unanswered: set[int] = set()

    def use(self, open_chat: Callable[[], Any]) -> None:
        """Talk to another model from the next question on."""
        self._open = open_chat
        self._unanswered.clear()
        if self._thread is not None:
            self._thread.close()
            self._thread = None

    def ask(self, messages: list[Message], *, adapter: bool = True) -> int | None:
        """Ask, and get the ticket that comes back with the answer; None when that is not possible now."""
        if self._open is None:
            return None
        if self._thread is None or self._thread.closed:
            thread = self._jobs.chat(self._open)
            if thread is None:
                self.failed.emit(BUSY)
                return None
            self._connect(thread)
        assert self._thread is not None
        self._ticket += 1
        self._unanswered.add(self._ticket)
        self._thread.ask(Ask(self._ticket, messages, adapter))
        return self._ticket

    def hush(self) -> None:
        """End the answer that is being written."""
        if self._thread is not None:
            self._thread.hush()

    def _connect(self, thread: ChatThread) -> None:
        self._thread = thread
        thread.ready.connect(self.ready)
        thread.piece.connect(self.piece)
        thread.answered.connect(self._answered)
        thread.failed.connect(self._failed)
        thread.crashed.connect(self._crashed)
        thread.finished.connect(self._gone)
        self.opening.emit()
        thread.start()  # only now: what a thread says before anyone listens is lost

    def _crashed(self, details: str) -> None:
        crash_report.report(details)
        self._failed("Something went wrong inside Hone while answering.")

    def _answered(self, ticket: int) -> None:
        self._unanswered.discard(ticket)
        self.answered.emit(ticket)

    def _failed(self, sentence: str) -> None:
        self._unanswered.clear()
        self.failed.emit(sentence)

    def _gone(self) -> None:
        if self._thread is not None and self._thread.isFinished():
            self._thread = None
            if self._unanswered:  # a run has taken the model in the middle of it
                self._failed(BUSY)
