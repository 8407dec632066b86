"""A chat on a thread of its own: it loads the model, answers questions one after the other, and frees the model."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.threads.errors import report_errors

Message = dict[str, str]
MAX_ANSWER_TOKENS = 256


@dataclass(frozen=True)
class Question:
    """A conversation whose last message is to be answered.

    `ticket` comes back with each part of the answer. Without `adapter` the model answers as it was before training.
    """

    ticket: int
    messages: Sequence[Message]
    adapter: bool = True


class ChatThread(QThread):
    """Answers questions with the core.chat.Chat that `open_chat` builds; it is built and used on this thread only."""

    model_loaded = Signal()
    text_written = Signal(int, str)  # ticket, the next piece of the answer
    answer_finished = Signal(int)  # ticket
    failed = Signal(str)
    crashed = Signal(str)

    def __init__(self, open_chat: Callable[[], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open_chat = open_chat
        self._questions: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._stop_answer = threading.Event()
        self.is_closed = False  # close() was called: the thread takes no more questions

    def ask(self, question: Question) -> None:
        """Put a question into the queue."""
        self._questions.put(question)

    def stop_answer(self) -> None:
        """End the answer that is being written."""
        self._stop_answer.set()

    def close(self) -> None:
        """Free the model. The thread ends after the token it is writing."""
        self.is_closed = True
        self._stop_answer.set()
        self._questions.put(None)

    def run(self) -> None:
        with report_errors(self.failed.emit, self.crashed.emit):
            self._answer_questions(self._open_chat())

    def _answer_questions(self, chat: Any) -> None:
        self.model_loaded.emit()
        while True:
            question = self._questions.get()
            if question is None:
                return
            self._stop_answer.clear()
            for text in chat.answer(question.messages, max_tokens=MAX_ANSWER_TOKENS, adapter=question.adapter):
                if self._stop_answer.is_set():
                    break
                self.text_written.emit(question.ticket, text)
            self.answer_finished.emit(question.ticket)
