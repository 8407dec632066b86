"""Ask it something: one question, answered by the model as it was before training and as it is now."""

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.pages.correct_answer import open_correction
from app.runs.chat_session import ChatSession
from app.runs.job_queue import JobQueue
from app.widgets.bubbles import AnswerBubble
from app.widgets.buttons import primary_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption, heading
from app.widgets.line_edit import LineEdit

_ANSWERING = tr("The model is answering…")


class AskBothCard(Card):
    """A question field and, below it, the two answers as they are written. `content_added` when it grows in height."""

    content_added = Signal()

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self.session = ChatSession(jobs, self)
        layout = vbox(self, 14, 10)
        layout.addWidget(heading(tr("Ask it something")))
        question_row = hbox(gap=8)
        self.question = LineEdit(
            tr("Question for both models"), tr("A question for the model before, and after training")
        )
        self.button = primary_button(tr("Ask both"), "send")
        question_row.addWidget(self.question, 1)
        question_row.addWidget(self.button)
        layout.addLayout(question_row)
        self.state = caption()
        self.state.hide()
        layout.addWidget(self.state)
        self.asked = Label(bold=True, selectable=True)
        self.before, self.after = AnswerBubble(tr("Before")), AnswerBubble(tr("After"))
        self._answers_row = QWidget()
        columns = hbox(self._answers_row, gap=10)
        for bubble in (self.before, self.after):
            bubble.correct.connect(partial(self._correct, bubble))
            columns.addWidget(bubble, 1)
        for part in (self.asked, self._answers_row):
            part.hide()
            layout.addWidget(part)
        self._writing: dict[int, AnswerBubble] = {}  # the answers that are being written, by ticket
        self.button.clicked.connect(self.ask)
        self.question.returnPressed.connect(self.ask)
        self.session.text_written.connect(self._add_text)
        self.session.answer_finished.connect(self._finish_answer)
        self.session.failed.connect(self._show_failure)
        self.session.model_loading.connect(lambda: self._show_state(tr("Loading the model…")))
        self.session.model_loaded.connect(lambda: self._show_state(""))

    def use(self, open_chat: Callable[[], Any]) -> None:
        """Ask this model from now on."""
        self.session.use(open_chat)

    def ask(self) -> None:
        """Ask the model with and without its adapter."""
        question = self.question.text().strip()
        if not question or self._writing:
            return
        messages = [{"role": "user", "content": question}]
        before_ticket = self.session.ask(messages, adapter=False)
        after_ticket = self.session.ask(messages, adapter=True)
        if before_ticket is None or after_ticket is None:
            return
        self.asked.setText(question)
        for bubble in (self.before, self.after):
            bubble.start()
        for part in (self.asked, self._answers_row):
            part.show()
        self._writing = {before_ticket: self.before, after_ticket: self.after}
        disable(self.button, _ANSWERING)
        self.content_added.emit()

    def _add_text(self, ticket: int, text: str) -> None:
        if ticket in self._writing:
            self._writing[ticket].add(text)

    def _finish_answer(self, ticket: int) -> None:
        bubble = self._writing.pop(ticket, None)
        if bubble is not None:
            bubble.finish()
        disable(self.button, _ANSWERING if self._writing else "")
        self.content_added.emit()

    def _correct(self, bubble: AnswerBubble) -> None:
        open_correction(self, [{"role": "user", "content": self.asked.text()}], bubble)

    def _show_failure(self, sentence: str) -> None:
        for bubble in self._writing.values():
            bubble.fail()
        self._writing = {}
        disable(self.button, "")
        self._show_state(sentence)

    def _show_state(self, text: str) -> None:
        self.state.setText(text)
        self.state.setVisible(bool(text))
