"""The Chat page: a conversation with the starter model, or with any model that was trained here."""

import datetime
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.runs import history
from app.runs.chat_session import ChatSession
from app.runs.job_queue import JobQueue
from app.style import theme
from app.threads.chat_thread import Message
from app.threads.run_thread import chat_opener
from app.threads.task import Task
from app.widgets.allow_code import ask_to_allow
from app.widgets.bubbles import Bubble, BubbleList
from app.widgets.buttons import primary_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.labels import IconLabel, Label, title
from app.widgets.message_edit import MessageEdit
from app.widgets.notice import Notice
from core.errors import UserError
from core.run import Run, runs_folder

_STARTER = "Starter model, untrained"


class ChatPage(QWidget):
    """One conversation at a time; choosing another model begins a new one."""

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self.session = ChatSession(jobs, self)
        self._messages: list[Message] = []
        self._bubble: Bubble | None = None
        self._ticket: int | None = None
        self._wanted: str | None = None  # the folder of the run to choose once the runs are listed
        layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        header = hbox(gap=8)
        header.addWidget(title("Chat"), 1)
        label = Label("&Model", wrap=False)
        self.model = ComboBox("Model to chat with")
        self.model.setMinimumWidth(300)
        self.model.setMaximumWidth(380)
        self.model.setAccessibleName("Model to talk to")
        self.model.addItem(_STARTER, None)
        label.setBuddy(self.model)
        self.new_button = quiet_button("New conversation", "reset")
        for part in (self.new_button, label, self.model):
            header.addWidget(part)
        layout.addLayout(header)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self.bubbles = BubbleList()
        self._stack = QStackedWidget()
        self._stack.addWidget(_build_empty_page())
        self._stack.addWidget(self.bubbles)
        layout.addWidget(self._stack, 1)
        layout.addLayout(self._build_question_row())
        self.model.activated.connect(self._use_model)
        self.new_button.clicked.connect(self.start_anew)
        self.session.text_written.connect(self._add_text)
        self.session.answer_finished.connect(self._finish_answer)
        self.session.failed.connect(self._show_failure)
        self.session.model_loading.connect(lambda: self.question.setPlaceholderText("Loading the model…"))
        self.session.model_loaded.connect(lambda: self.question.setPlaceholderText("Write a message"))
        self._use_model()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        Task(self, lambda: history.list_runs(runs_folder()), done=self.show_models)
        self.question.setFocus()

    def talk_to(self, folder: Path) -> None:
        """Choose the model of a run when the page is shown next."""
        self._wanted = str(folder)

    def offer(self, folder: Path) -> None:
        """Choose the model of a run that has just ended, unless a conversation has begun."""
        if not self._messages:
            self.talk_to(folder)

    def show_models(self, entries: list[history.HistoryEntry]) -> None:
        """Offer the runs that have an adapter."""
        current, wanted = self.model.currentData(), self._wanted
        chosen = wanted or current
        self.model.clear()
        self.model.addItem(_STARTER, None)
        for entry in entries:
            if (entry.folder / "adapters.safetensors").is_file():
                start = datetime.datetime.fromtimestamp(entry.start_time)
                self.model.addItem(f"{entry.model} + {entry.data}, {start:%d %b %H:%M}", str(entry.folder))
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))
        if wanted and self.model.currentData() == wanted:
            self._wanted = None
            if wanted != current:
                self._use_model()

    def send(self) -> None:
        """Send the message, or stop the answer that is being written."""
        if self._ticket is not None:
            self.session.stop_answer()
            return
        message = self.question.text().strip()
        if not message:
            return
        self.notice.hide()
        messages = [*self._messages, {"role": "user", "content": message}]
        self._ticket = self.session.ask(messages)
        if self._ticket is None:
            return
        self._messages = messages
        self.question.clear()
        self._stack.setCurrentIndex(1)
        self.bubbles.add("You", message, from_user=True)
        self._bubble = self.bubbles.add(self.model.currentText(), "…", from_user=False)
        self._update_button()

    def start_anew(self) -> None:
        """Begin a new conversation with the same model."""
        self.session.stop_answer()
        self._messages, self._bubble, self._ticket = [], None, None
        self.bubbles.clear()
        self._stack.setCurrentIndex(0)
        self._update_button()

    def _build_question_row(self) -> QHBoxLayout:
        question_row = hbox(gap=8)
        self.question = MessageEdit("Message", "Write a message")
        self.question.sent.connect(self.send)
        self.button = primary_button("Send", "send")
        self.button.setMinimumHeight(34)
        self.button.clicked.connect(self.send)
        question_row.addWidget(self.question, 1)
        question_row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        return question_row

    def _use_model(self) -> None:
        folder = self.model.currentData()
        try:
            run = Run.read(Path(folder) / "run.toml") if folder else Run()
        except UserError as error:
            self.notice.show_message(str(error), "Choose another one.")
            return
        self.start_anew()
        allowed_run = ask_to_allow(self, run)
        if allowed_run is None:
            self.notice.show_message("The model's own code has not been allowed to run.", "Choose another one.")
            return
        self.session.use(chat_opener(allowed_run, folder))

    def _add_text(self, ticket: int, text: str) -> None:
        if ticket == self._ticket and self._bubble is not None:
            answer = self._bubble.text.text()
            self._bubble.text.setText(text.lstrip() if answer == "…" else answer + text)
            self.bubbles.scroll_to_end()

    def _finish_answer(self, ticket: int) -> None:
        if ticket != self._ticket or self._bubble is None:
            return
        answer = "" if self._bubble.text.text() == "…" else self._bubble.text.text().strip()
        self._bubble.text.setText(answer or "(nothing)")
        self._messages.append({"role": "assistant", "content": answer})
        self._ticket = None
        self._update_button()

    def _show_failure(self, sentence: str) -> None:
        if self._ticket is not None and self._messages:
            self.question.setPlainText(self._messages.pop()["content"])  # nothing that was written is lost
        self._ticket = None
        if self._bubble is not None and self._bubble.text.text() == "…":
            self._bubble.text.setText("(no answer)")
        self.notice.show_message(sentence, tone="warn")
        self._update_button()

    def _update_button(self) -> None:
        self.button.setText("Stop" if self._ticket is not None else "Send")
        self.button.set_icon("stop" if self._ticket is not None else "send")


def _build_empty_page() -> QWidget:
    page = QWidget()
    layout = vbox(page, gap=10)
    layout.addStretch(2)
    for part in (
        IconLabel("chat", "secondary", 44),
        Label("Ask anything", bold=True, wrap=False),
        Label("The model is loaded with your first message. What you write stays here.", tone="secondary", wrap=False),
    ):
        layout.addWidget(part, 0, theme.CENTRE)
    layout.addStretch(3)
    return page
