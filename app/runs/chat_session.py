"""A conversation with one model: opens the model at the first question, and signals the words of each answer."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.desktop.language import tr
from app.runs.job_queue import JobQueue
from app.threads import crash_report
from app.threads.chat_thread import ChatThread, Message, Question, Sampling

BUSY = tr("A run, or the check before one, is using the model. Ask again when it is done.")


class ChatSession(QObject):
    """Asks one model questions, each with a ticket that comes back with its answer."""

    text_written = Signal(int, str)  # ticket, the next piece of the answer
    answer_finished = Signal(int)  # ticket
    failed = Signal(str)
    model_loading = Signal()
    model_loaded = Signal()
    model_released = Signal()  # its memory is free
    noted = Signal(str)  # a sentence about how the model is loaded

    def __init__(self, jobs: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._open_chat: Callable[[], Any] | None = None
        self._thread: ChatThread | None = None
        self._ticket = 0
        self._unanswered: set[int] = set()

    @property
    def has_model(self) -> bool:
        """Whether there is a model to talk to."""
        return self._open_chat is not None

    def use(self, open_chat: Callable[[], Any] | None) -> None:
        """Talk to another model from the next question on, or to none."""
        self.release()
        self._open_chat = open_chat

    def release(self) -> None:
        """Free the model's memory; the next question loads the model again."""
        self._unanswered.clear()
        if self._thread is not None:
            self._thread.failed.disconnect(self._fail)
            self._jobs.close_chat(self._thread)
            self._thread = None

    def ask(
        self, messages: list[Message], *, adapter: str | bool = True, sampling: Sampling | None = None
    ) -> int | None:
        """Ask for an answer to the last message.

        `adapter` is a folder, True for the adapter that the chat was opened with, and False for the model as it was
        before training. Returns the ticket that comes back with the answer, or None while a run has the model.
        """
        if self._open_chat is None:
            return None
        if self._thread is None or self._thread.is_closed:
            thread = self._jobs.make_chat(self._open_chat)
            if thread is None:
                self.failed.emit(BUSY)
                return None
            self._start(thread)
        assert self._thread is not None
        self._ticket += 1
        self._unanswered.add(self._ticket)
        self._thread.ask(Question(self._ticket, messages, adapter, sampling or Sampling()))
        return self._ticket

    def stop_answers(self) -> None:
        """End the answer that is being written, and leave those that wait empty."""
        if self._thread is not None:
            self._thread.stop_answers()

    def _start(self, thread: ChatThread) -> None:
        self._thread = thread
        thread.model_loaded.connect(self.model_loaded)
        thread.noted.connect(self.noted)
        thread.text_written.connect(self.text_written)
        thread.answer_finished.connect(self._finish_answer)
        thread.failed.connect(self._fail)
        thread.crashed.connect(self._crash)
        thread.finished.connect(self._release_thread)
        self.model_loading.emit()
        thread.start()  # last: signals of a thread before anything is connected to them are lost

    def _crash(self, details: str) -> None:
        crash_report.report(details)
        self._fail(tr("Something went wrong inside Hone while answering."))

    def _finish_answer(self, ticket: int) -> None:
        self._unanswered.discard(ticket)
        self.answer_finished.emit(ticket)

    def _fail(self, sentence: str) -> None:
        self._unanswered.clear()
        self.failed.emit(sentence)

    def _release_thread(self) -> None:
        self.model_released.emit()
        if self._thread is not None and self._thread.isFinished():
            self._thread = None
            if self._unanswered:  # a run has taken the model in the middle of an answer
                self._fail(BUSY)
