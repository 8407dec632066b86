"""Ask it something: one question, answered by the model as it was and as it is now."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal

from app.runs.chat_session import Talk
from app.runs.job_queue import Jobs
from app.widgets.answers import Pair
from app.widgets.buttons import primary
from app.widgets.card import Card, column, row
from app.widgets.labels import Text, caption, heading
from app.widgets.line_edit import Entry


class AskBoth(Card):
    """A question field and, below it, the two answers as they are written. `grown` when there is more to see."""

    grown = Signal()

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self.talk = Talk(jobs, self)
        layout = column(self, 14, 10)
        layout.addWidget(heading("Ask it something"))
        line = row(gap=8)
        self.question = Entry("Question for both models", "A question for the model before, and after training")
        self.button = primary("Ask both", "send")
        line.addWidget(self.question, 1)
        line.addWidget(self.button)
        layout.addLayout(line)
        self.state = caption()
        self.state.hide()
        layout.addWidget(self.state)
        self.pair = Pair("", "Before", "After")
        self.pair.hide()
        layout.addWidget(self.pair)
        self._texts: dict[int, Text] = {}
        self.button.clicked.connect(self.ask)
        self.question.returnPressed.connect(self.ask)
        self.talk.piece.connect(self._piece)
        self.talk.answered.connect(self._answered)
        self.talk.failed.connect(self._failed)
        self.talk.opening.connect(lambda: self._say("Loading the model…"))
        self.talk.ready.connect(lambda: self._say(""))

    def use(self, open_chat: Callable[[], Any]) -> None:
        """Ask this model from now on."""
        self.talk.use(open_chat)

    def ask(self) -> None:
        """Put the question to both."""
        words = self.question.text().strip()
        if not words or self._texts:
            return
        messages = [{"role": "user", "content": words}]
        before = self.talk.ask(messages, adapter=False)
        after = self.talk.ask(messages, adapter=True)
        if before is None or after is None:
            return
        self.pair.prompt.setText(words)
        for text in (self.pair.left, self.pair.right):
            text.setText("…")
        self.pair.show()
        self._texts = {before: self.pair.left, after: self.pair.right}
        self.button.setEnabled(False)
        self.grown.emit()

    def _piece(self, ticket: int, piece: str) -> None:
        if ticket in self._texts:
            text = self._texts[ticket]
            text.setText(piece.lstrip() if text.text() == "…" else text.text() + piece)

    def _answered(self, ticket: int) -> None:
        text = self._texts.pop(ticket, None)
        if text is not None and text.text() == "…":
            text.setText("(nothing)")
        self.button.setEnabled(not self._texts)
        self.grown.emit()

    def _failed(self, sentence: str) -> None:
        self._texts = {}
        self.button.setEnabled(True)
        self._say(sentence)

    def _say(self, words: str) -> None:
        self.state.setText(words)
        self.state.setVisible(bool(words))
