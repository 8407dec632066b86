"""A model that is talked to, on a thread of its own that loads it, answers, and lets it go."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.threads.errors import edge

Message = dict[str, str]
LONGEST = 256  # tokens of an answer


@dataclass(frozen=True)
class Ask:
    """A question. `adapter` False asks the model as it was before training; `ticket` comes back with the answer."""

    ticket: int
    messages: Sequence[Message]
    adapter: bool = True


class ChatThread(QThread):
    """`open_chat` builds a core.model.generate.Chat; it is built and used only here."""

    ready = Signal()
    piece = Signal(int, str)
    answered = Signal(int)
    failed = Signal(str)
    crashed = Signal(str)

    def __init__(self, open_chat: Callable[[], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = open_chat
        self._asked: queue.SimpleQueue[Ask | None] = queue.SimpleQueue()
        self._hush = threading.Event()
        self.closed = False  # asked to end: takes no more questions

    def ask(self, ask: Ask) -> None:
        """Put a question; answers come one after the other."""
        self._asked.put(ask)

    def hush(self) -> None:
        """End the answer that is being written."""
        self._hush.set()

    def close(self) -> None:
        """Let the model go. The thread ends after the token it is writing."""
        self.closed = True
        self._hush.set()
        self._asked.put(None)

    def run(self) -> None:
        with edge(self.failed.emit, self.crashed.emit):
            self._talk(self._open())

    def _talk(self, chat: Any) -> None:
        self.ready.emit()
        while True:
            ask = self._asked.get()
            if ask is None:
                return
            self._hush.clear()
            for text in chat.answer(ask.messages, max_tokens=LONGEST, adapter=ask.adapter):
                if self._hush.is_set():
                    break
                self.piece.emit(ask.ticket, text)
            self.answered.emit(ask.ticket)
