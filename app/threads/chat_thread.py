"""A chat on a thread of its own: it loads the model, answers questions one after the other, and frees the model."""

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.desktop.language import tr
from app.threads.errors import report_errors, translated
from app.threads.gc import clear_mlx_cache

Message = dict[str, str]


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn, as core.chat.Chat.answer() has it: at temperature 0 the likeliest token always."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None


@dataclass(frozen=True)
class Question:
    """A conversation whose last message is to be answered.

    `ticket` comes back with each part of the answer; later questions have higher ones. `adapter` is a folder, or True
    for the adapter that the chat was opened with and False for the model as it was before training.
    """

    ticket: int
    messages: Sequence[Message]
    adapter: str | bool = True
    sampling: Sampling = Sampling()


class ChatThread(QThread):
    """Answers questions with the core.chat.Chat that `open_chat` builds; it is built and used on this thread only.

    When the thread ends the model is free, and MLX's cache is empty.
    """

    model_loaded = Signal()
    noted = Signal(str)  # a sentence about how the model is loaded
    text_written = Signal(int, str)  # ticket, the next piece of the answer
    answer_finished = Signal(int)  # ticket
    failed = Signal(str)
    crashed = Signal(str)

    def __init__(self, open_chat: Callable[[], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open_chat = open_chat
        self._questions: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._asked_ticket = 0  # of the latest question
        self._stopped_ticket = 0  # of the latest question that is not to be answered any further
        self.is_closed = False  # close() was called: the thread takes no more questions

    def ask(self, question: Question) -> None:
        """Put a question into the queue."""
        self._asked_ticket = question.ticket
        self._questions.put(question)

    def stop_answers(self) -> None:
        """End the answer that is being written, and leave those that wait empty."""
        self._stopped_ticket = self._asked_ticket

    def close(self) -> None:
        """Free the model. The thread ends after the token it is writing."""
        self.is_closed = True
        self.stop_answers()
        self._questions.put(None)

    def run(self) -> None:
        with report_errors(translated(self.failed.emit), self.crashed.emit):
            self._answer_questions(self._open_chat())
        clear_mlx_cache()

    def _answer_questions(self, chat: Any) -> None:
        self.model_loaded.emit()
        note = ""
        while True:
            question = self._questions.get()
            if question is None:
                return
            if question.ticket > self._stopped_ticket:
                self._answer(chat, question)
            if chat.note != note:
                note = chat.note
                self.noted.emit(tr(note))
            self.answer_finished.emit(question.ticket)

    def _answer(self, chat: Any, question: Question) -> None:
        sampling = question.sampling
        pieces = chat.answer(
            question.messages,
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            adapter=question.adapter,
        )
        for text in pieces:
            if question.ticket <= self._stopped_ticket:
                return
            self.text_written.emit(question.ticket, text)
