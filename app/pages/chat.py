"""Chat: talk to the starter model, or to anything that was trained here."""

import datetime
from pathlib import Path

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QStackedWidget, QWidget

from app.runs import history
from app.runs.chat_session import Talk
from app.runs.job_queue import Jobs
from app.style import theme
from app.threads.chat_thread import Message
from app.threads.run_thread import talking
from app.threads.task import Task
from app.widgets.bubbles import Bubble, Bubbles
from app.widgets.buttons import primary, quiet
from app.widgets.card import column, row
from app.widgets.labels import Glyph, Text, title
from app.widgets.line_edit import Entry
from app.widgets.notice import Notice
from core.errors import UserError
from core.run import Run, runs_folder

_STARTER = "Starter model, untrained"


class ChatPage(QWidget):
    """One conversation at a time; choosing another model begins a new one."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self.talk = Talk(jobs, self)
        self._messages: list[Message] = []
        self._bubble: Bubble | None = None
        self._ticket: int | None = None
        layout = column(self, theme.MARGIN, theme.GRID + 4)
        head = row(gap=8)
        head.addWidget(title("Chat"), 1)
        label = Text("&Model", wrap=False)
        self.model = QComboBox()
        self.model.setMinimumWidth(300)
        self.model.setMaximumWidth(380)
        self.model.setAccessibleName("Model to talk to")
        self.model.addItem(_STARTER, None)
        label.setBuddy(self.model)
        self.anew = quiet("New conversation", "reset")
        for part in (self.anew, label, self.model):
            head.addWidget(part)
        layout.addLayout(head)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self.bubbles = Bubbles()
        self._stack = QStackedWidget()
        self._stack.addWidget(_empty())
        self._stack.addWidget(self.bubbles)
        layout.addWidget(self._stack, 1)
        layout.addLayout(self._line())
        self.model.activated.connect(self._choose)
        self.anew.clicked.connect(self.begin)
        self.talk.piece.connect(self._piece)
        self.talk.answered.connect(self._answered)
        self.talk.failed.connect(self._failed)
        self.talk.opening.connect(lambda: self.question.setPlaceholderText("Loading the model…"))
        self.talk.ready.connect(lambda: self.question.setPlaceholderText("Write a message"))
        self._choose()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        Task(self, lambda: history.entries(runs_folder()), done=self.show_models)
        self.question.setFocus()

    def show_models(self, found: list[history.Entry]) -> None:
        """Offer the runs that have an adapter."""
        chosen = self.model.currentData()
        self.model.clear()
        self.model.addItem(_STARTER, None)
        for entry in found:
            if (entry.folder / "adapters.safetensors").is_file():
                when = datetime.datetime.fromtimestamp(entry.began)
                self.model.addItem(f"{entry.model} + {entry.data}, {when:%d %b %H:%M}", str(entry.folder))
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))

    def send(self) -> None:
        """Send what is written, or end the answer that is coming."""
        if self._ticket is not None:
            self.talk.hush()
            return
        words = self.question.text().strip()
        if not words:
            return
        self.notice.hide()
        asked = [*self._messages, {"role": "user", "content": words}]
        self._ticket = self.talk.ask(asked)
        if self._ticket is None:
            return
        self._messages = asked
        self.question.clear()
        self._stack.setCurrentIndex(1)
        self.bubbles.add("You", words, mine=True)
        self._bubble = self.bubbles.add(self.model.currentText(), "…", mine=False)
        self._show_button()

    def begin(self) -> None:
        """Forget the conversation."""
        self.talk.hush()
        self._messages, self._bubble, self._ticket = [], None, None
        self.bubbles.clear()
        self._stack.setCurrentIndex(0)
        self._show_button()

    def _line(self) -> QHBoxLayout:
        line = row(gap=8)
        self.question = Entry("Message", "Write a message", height=34)
        self.question.returnPressed.connect(self.send)
        self.button = primary("Send", "send")
        self.button.setMinimumHeight(34)
        self.button.clicked.connect(self.send)
        line.addWidget(self.question, 1)
        line.addWidget(self.button)
        return line

    def _choose(self) -> None:
        folder = self.model.currentData()
        try:
            run = Run.read(Path(folder) / "run.toml") if folder else Run()
        except UserError as error:
            self.notice.say(str(error), "Choose another one.")
            return
        self.begin()
        self.talk.use(talking(run, folder))

    def _piece(self, ticket: int, piece: str) -> None:
        if ticket == self._ticket and self._bubble is not None:
            so_far = self._bubble.text.text()
            self._bubble.text.setText(piece.lstrip() if so_far == "…" else so_far + piece)
            self.bubbles.to_end()

    def _answered(self, ticket: int) -> None:
        if ticket != self._ticket or self._bubble is None:
            return
        said = "" if self._bubble.text.text() == "…" else self._bubble.text.text().strip()
        self._bubble.text.setText(said or "(nothing)")
        self._messages.append({"role": "assistant", "content": said})
        self._ticket = None
        self._show_button()

    def _failed(self, sentence: str) -> None:
        if self._ticket is not None and self._messages:
            self.question.setText(self._messages.pop()["content"])  # nothing that was written is lost
        self._ticket = None
        if self._bubble is not None and self._bubble.text.text() == "…":
            self._bubble.text.setText("(no answer)")
        self.notice.say(sentence, tone="warn")
        self._show_button()

    def _show_button(self) -> None:
        self.button.setText("Stop" if self._ticket is not None else "Send")
        self.button.set_icon("stop" if self._ticket is not None else "send")


def _empty() -> QWidget:
    page = QWidget()
    layout = column(page, gap=10)
    layout.addStretch(2)
    for part in (
        Glyph("chat", "secondary", 44),
        Text("Ask anything", bold=True, wrap=False),
        Text("The model is loaded with your first message. What you write stays here.", tone="secondary", wrap=False),
    ):
        layout.addWidget(part, 0, theme.CENTRE)
    layout.addStretch(3)
    return page
