"""A conversation as it is seen: what was said in bubbles, and below them the field for the next message."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.language import tr
from app.style import theme
from app.widgets.bubbles import AnswerBubble, BubbleList
from app.widgets.buttons import primary_button
from app.widgets.card import hbox, vbox
from app.widgets.empty_page import make_empty_page
from app.widgets.message_edit import MessageEdit


class ConversationView(QWidget):
    """`sent` when the message is to go, or the answers that are being written are to stop."""

    sent = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bubbles = BubbleList()
        self._stack = QStackedWidget()
        advice = tr("The model is loaded with your first message. What you write stays on this computer.")
        self._stack.addWidget(make_empty_page("chat", tr("Ask anything"), advice))
        self._stack.addWidget(self.bubbles)
        self.question = MessageEdit(tr("Message"), tr("Write a message"))
        self.question.sent.connect(self.sent)
        self.button = primary_button(tr("Send"), "send")
        self.button.setMinimumHeight(34)
        self.button.clicked.connect(self.sent)
        message = QWidget()
        message.setMaximumWidth(theme.COLUMN)  # as wide as the conversation above it
        question_row = hbox(message, gap=8)
        question_row.addWidget(self.question, 1)
        question_row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        layout = vbox(self, gap=theme.GRID + 4)
        layout.addWidget(self._stack, 1)
        middle = hbox(gap=0)
        middle.addStretch()
        middle.addWidget(message, 1)
        middle.addStretch()
        layout.addLayout(middle)

    def clear(self) -> None:
        """Show that nothing has been said yet."""
        self.bubbles.clear()
        self._stack.setCurrentIndex(0)

    def add_turn(self, question: str, titles: Sequence[str]) -> list[AnswerBubble]:
        """Add bubbles for a question and for an answer of each title; returns those of the answers, empty as yet."""
        self._stack.setCurrentIndex(1)
        return self.bubbles.add(question, titles)

    def show_answering(self, is_answering: bool) -> None:
        """Show whether the button stops answers or sends the message."""
        self.button.setText(tr("Stop") if is_answering else tr("Send"))
        self.button.set_icon("stop" if is_answering else "send")

    def show_loading(self, is_loading: bool) -> None:
        """Say in the empty field that the model is being loaded."""
        self.question.setPlaceholderText(tr("Loading the model…") if is_loading else tr("Write a message"))
