"""A conversation as bubbles: the person's messages on the right, the models' answers below, side by side."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from app.desktop.language import tr
from app.runs.conversation import split_thinking
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.copy_button import CopyButton
from app.widgets.disabled import disable
from app.widgets.fold_button import FoldButton
from app.widgets.labels import ElidedLabel, Label, caption
from app.widgets.scroll_page import ScrollPage

_MAX_WIDTH = 620
_TWO_COLUMNS = 480  # pixels from which two answers have room beside each other
_NEAR_END = 24  # pixels
_UNFINISHED = tr("The answer is still being written.")


class QuestionBubble(Card):
    """A message of the person's."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = Label(text, selectable=True)
        self.text.setMinimumWidth(24)
        self.setMaximumWidth(_MAX_WIDTH)
        self.setAccessibleName(tr("You"))
        self.set_tone("accent")
        vbox(self, 12, 2).addWidget(self.text)


class AnswerBubble(Card):
    """One model's answer: its thinking folded, a button that copies it, and one that corrects it (`correct`)."""

    correct = Signal()

    def __init__(self, author: str) -> None:
        super().__init__()
        self.written = ""  # all that the model wrote, thinking included
        self.setAccessibleName(author)
        layout = vbox(self, 12, 4)
        layout.addWidget(ElidedLabel(author, "caption", tone="secondary"))
        self.thinking = Label("", tone="secondary", selectable=True)
        self.thinking_button = FoldButton(tr("Thinking"), self.thinking)
        self.thinking_button.hide()
        layout.addWidget(self.thinking_button, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.thinking)
        self.text = Label("…", selectable=True)
        self.text.setMinimumWidth(24)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.text, 1)
        self.state = caption()
        self.state.hide()
        layout.addWidget(self.state)
        self.copy_button = CopyButton(tr("Copy this answer"), lambda: self.answer)
        self.correct_button = quiet_button(tr("Correct…"), "edit")
        self.correct_button.setAccessibleName(tr("This is how it should have answered"))
        actions = hbox(gap=0)
        for button in (self.copy_button, self.correct_button):
            disable(button, _UNFINISHED)
            actions.addWidget(button)
        actions.addStretch()
        layout.addLayout(actions)
        self.correct_button.clicked.connect(self.correct)

    @property
    def answer(self) -> str:
        """The answer without the thinking."""
        return split_thinking(self.written)[1]

    def start(self) -> None:
        """Wait for another answer."""
        self.written = ""
        self._show(is_finished=False)
        self.show_state("")
        for button in (self.copy_button, self.correct_button):
            disable(button, _UNFINISHED)

    def add(self, text: str) -> None:
        """Show the next piece of what the model writes."""
        self.written += text
        self._show(is_finished=False)

    def finish(self, written: str | None = None) -> None:
        """The answer is complete; `written` is one from earlier."""
        self.written = self.written if written is None else written
        self._show(is_finished=True)
        for button in (self.copy_button, self.correct_button):
            disable(button, "")

    def fail(self) -> None:
        """There will be no answer."""
        self.text.setText(self.answer or tr("(no answer)"))
        for button in (self.copy_button, self.correct_button):
            disable(button, tr("The answer was not written to its end."))

    def show_state(self, text: str) -> None:
        """Show a small line below the answer."""
        self.state.setText(text)
        self.state.setVisible(bool(text))

    def _show(self, is_finished: bool) -> None:
        thinking, answer = split_thinking(self.written)
        self.thinking.setText(thinking)
        is_thinking = bool(thinking) and not answer and not is_finished
        self.thinking_button.setText(tr("Thinking…") if is_thinking else tr("Thinking"))
        self.thinking_button.setVisible(bool(thinking))
        placeholder = tr("(no answer)") if is_finished else "…"
        self.text.setText(answer or placeholder)


class BubbleList(ScrollPage):
    """Questions with their answers, one below the other. It follows what is written while its end is in sight."""

    def __init__(self) -> None:
        super().__init__(margin=0, centred=True)
        self._follows = True
        self._grids: list[tuple[QGridLayout, list[AnswerBubble]]] = []  # of the turns
        self._has_two_columns = True
        self.verticalScrollBar().valueChanged.connect(self._look_at_end)
        self.verticalScrollBar().rangeChanged.connect(self._follow)
        self.content_layout.addStretch()
        self.setAccessibleName(tr("Conversation"))

    def add(self, question: str, authors: Sequence[str]) -> list[AnswerBubble]:
        """Add a question, and an empty answer for each of these authors, at most two of them beside each other."""
        answers = [AnswerBubble(author) for author in authors]
        turn = QWidget()
        layout = vbox(turn, gap=10)
        question_row = hbox()
        question_row.addStretch(1)
        question_row.addWidget(QuestionBubble(question), 4)
        layout.addLayout(question_row)
        grid = QGridLayout()
        grid.setSpacing(10)
        if len(answers) == 1:
            answers[0].setMaximumWidth(_MAX_WIDTH)
        self._grids.append((grid, answers))
        self._arrange(grid, answers)
        layout.addLayout(grid)
        self.content_layout.insertWidget(self.content_layout.count() - 1, turn)
        self._follows = True
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
        return answers

    def _arrange(self, grid: QGridLayout, answers: Sequence[AnswerBubble]) -> None:
        """Two answers beside each other where both have room, else one below the other."""
        columns = 2 if self._has_two_columns else 1
        for index, answer in enumerate(answers):
            grid.addWidget(answer, index // columns, index % columns)
        grid.setColumnStretch(0, 4 if len(answers) == 1 else 1)
        grid.setColumnStretch(1, 1 if columns == 2 or len(answers) == 1 else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._has_two_columns != (self.width() >= _TWO_COLUMNS):
            self._has_two_columns = not self._has_two_columns
            for grid, answers in self._grids:
                self._arrange(grid, answers)
            self._settle()

    def clear(self) -> None:
        """Remove all messages."""
        self._grids = []
        while self.content_layout.count() > 1:
            item = self.content_layout.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()

    def _look_at_end(self, value: int) -> None:
        self._follows = value >= self.verticalScrollBar().maximum() - _NEAR_END

    def _follow(self, _: int, maximum: int) -> None:
        if self._follows:
            self.verticalScrollBar().setValue(maximum)
