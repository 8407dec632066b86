"""Ask it something: one question, answered by the model as it was before training and as it is now."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal

from app.runs.chat_session import ChatSession
from app.runs.job_queue import JobQueue
from app.widgets.answers import AnswerPair
from app.widgets.buttons import primary_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import Label, caption, heading
from app.widgets.line_edit import LineEdit


class AskBothCard(Card):
    """A question field and, below it, the two answers as they are written. `content_added` when it grows in height."""

    content_added = Signal()

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self.session = ChatSession(jobs, self)
        layout = vbox(self, 14, 10)
        layout.addWidget(heading("Ask it something"))
        question_row = hbox(gap=8)
        self.question = LineEdit("Question for both models", "A question for the model before, and after training")
        self.button = primary_button("Ask both", "send")
        question_row.addWidget(self.question, 1)
        question_row.addWidget(self.button)
        layout.addLayout(question_row)
        self.state = caption()
        self.state.hide()
        layout.addWidget(self.state)
        self.pair = AnswerPair("", "Before", "After")
        self.pair.hide()
        layout.addWidget(self.pair)
        self._labels: dict[int, Label] = {}  # of the answers that are being written, by ticket
        self.button.clicked.connect(self.ask)
        self.question.returnPressed.connect(self.ask)
        self.session.text_written.connect(self._add_text)
        self.session.answer_finished.connect(self._finish_answer)
        self.session.failed.connect(self._show_failure)
        self.session.model_loading.connect(lambda: self._show_state("Loading the model…"))
        self.session.model_loaded.connect(lambda: self._show_state(""))

    def use(self, open_chat: Callable[[], Any]) -> None:
        """Ask this model from now on."""
        self.session.use(open_chat)

    def ask(self) -> None:
        """Ask the model with and without its adapter."""
        question = self.question.text().strip()
        if not question or self._labels:
            return
        messages = [{"role": "user", "content": question}]
        before_ticket = self.session.ask(messages, adapter=False)
        after_ticket = self.session.ask(messages, adapter=True)
        if before_ticket is None or after_ticket is None:
            return
        self.pair.prompt.setText(question)
        for label in (self.pair.left, self.pair.right):
            label.setText("…")
        self.pair.show()
        self._labels = {before_ticket: self.pair.left, after_ticket: self.pair.right}
        self.button.setEnabled(False)
        self.content_added.emit()

    def _add_text(self, ticket: int, text: str) -> None:
        if ticket in self._labels:
            label = self._labels[ticket]
            label.setText(text.lstrip() if label.text() == "…" else label.text() + text)

    def _finish_answer(self, ticket: int) -> None:
        label = self._labels.pop(ticket, None)
        if label is not None and label.text() == "…":
            label.setText("(nothing)")
        self.button.setEnabled(not self._labels)
        self.content_added.emit()

    def _show_failure(self, sentence: str) -> None:
        self._labels = {}
        self.button.setEnabled(True)
        self._show_state(sentence)

    def _show_state(self, text: str) -> None:
        self.state.setText(text)
        self.state.setVisible(bool(text))
