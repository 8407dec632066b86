""" "This is how it should have answered": an answer is put right and becomes a row of a dataset file."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from app.desktop import preferences
from app.desktop.language import tr
from app.threads.chat_thread import Message
from app.widgets.bubbles import AnswerBubble
from app.widgets.buttons import plain_button, primary_button
from app.widgets.card import hbox, vbox
from app.widgets.dialog_foot import DialogFoot
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption
from app.widgets.line_edit import LineEdit
from app.widgets.segmented_control import SegmentedControl
from app.widgets.tab_order import TabOrder
from app.widgets.text_area import TextArea
from core.append_row import append_conversation, append_pair
from core.errors import UserError

_WIDTH = 560  # at least
_ROW, _PAIR = "row", "pair"
_MEANINGS = {
    _ROW: tr("The conversation with your answer, for a run that learns from examples."),
    _PAIR: tr("Your answer as the better one, the model's as the worse, for DPO, SimPO and ORPO."),
}


class CorrectAnswerDialog(TabOrder, QDialog):
    """`added(path)` once a row is in the file. `messages` end with the question that `given` answers."""

    added = Signal(object)

    def __init__(self, parent: QWidget, messages: Sequence[Message], given: str) -> None:
        super().__init__(parent)
        self._messages, self._given = list(messages), given.strip()
        self.setWindowTitle(tr("This is how it should have answered"))
        layout = vbox(self, 20, 10)
        layout.addStrut(_WIDTH - 2 * 20)
        layout.addWidget(caption(tr("Asked: {question}", question=_shorten(self._messages[-1]["content"]))))
        label = Label(tr("&The answer as it should have been"), bold=True, wrap=False)
        self.answer = TextArea(tr("The answer as it should have been"), text=given)
        self.answer.setMinimumHeight(140)
        label.setBuddy(self.answer)
        layout.addWidget(label)
        layout.addWidget(self.answer, 1)
        self.kind = SegmentedControl(tr("What is added"))
        self.kind.show_choices({_ROW: tr("An example"), _PAIR: tr("A preference pair")})
        self.meaning = caption()
        layout.addWidget(self.kind)
        layout.addWidget(self.meaning)
        file_row = hbox(gap=8)
        file_label = Label(tr("Add to &file"), wrap=False)
        self.file = LineEdit(tr("Dataset file, .jsonl"), tr("A .jsonl file of yours, or a new one"))
        file_label.setBuddy(self.file)
        self.choose_button = plain_button(tr("Choose…"), "folder")
        file_row.addWidget(file_label)
        file_row.addWidget(self.file, 1)
        file_row.addWidget(self.choose_button)
        layout.addLayout(file_row)
        self.problem = Label(" ", tone="bad")  # its line stays, so that nothing moves
        layout.addWidget(self.problem)
        self.add_button = primary_button(tr("Add"))
        layout.addWidget(DialogFoot(self, self.add_button))
        self.kind.chosen.connect(self._choose_kind)
        self.choose_button.clicked.connect(self._choose_file)
        self.file.editingFinished.connect(lambda: self.file.setText(_whole_path(self.file.text())))
        self.answer.textChanged.connect(self._update)
        self.file.textChanged.connect(self._update)
        self._choose_kind(_ROW)
        self.answer.selectAll()
        self.answer.setFocus()

    def _choose_kind(self, kind: str) -> None:
        self._kind = kind
        self.kind.choose(kind)
        self.meaning.setText(_MEANINGS[kind])
        self.file.setText(preferences.correction_file(kind))
        self._update()

    def _update(self) -> None:
        """What is missing, if anything, stands where problems do."""
        answer, file = self.answer.toPlainText().strip(), self.file.text().strip()
        problem = ""
        if self._kind == _PAIR and not self._given:
            problem = tr("The model has said nothing, and a pair needs its answer too.")
        elif self._kind == _PAIR and answer == self._given:
            problem = tr("Both answers are the same: change yours.")
        self.problem.setText(problem or " ")
        missing = tr("Write the answer first.") if not answer else tr("Choose a file first.") if not file else ""
        disable(self.add_button, problem or missing)

    def _choose_file(self) -> None:
        start = self.file.text().strip() or str(Path(preferences.last_folder()) / "corrections.jsonl")
        options = QFileDialog.Option.DontConfirmOverwrite  # nothing is overwritten: the row goes to the end
        chosen, _ = QFileDialog.getSaveFileName(
            self, tr("Add to a dataset file"), start, tr("Rows (*.jsonl)"), options=options
        )
        if chosen:
            path = Path(chosen)
            self.file.setText(str(path if path.suffix else path.with_suffix(".jsonl")))
            preferences.set_last_folder(str(path.parent))

    def accept(self) -> None:
        path, answer = Path(_whole_path(self.file.text())), self.answer.toPlainText().strip()
        try:
            if self._kind == _ROW:
                append_conversation(path, [*self._messages, {"role": "assistant", "content": answer}])
            else:
                append_pair(path, self._messages, answer, self._given)
        except UserError as error:
            self.problem.setText(tr(str(error)))
            return
        preferences.set_correction_file(self._kind, str(path))
        self.added.emit(path)
        super().accept()


def open_correction(parent: QWidget, messages: Sequence[Message], bubble: AnswerBubble) -> None:
    """Open the dialog for an answer; its bubble says where the row has gone."""
    dialog = CorrectAnswerDialog(parent, messages, bubble.answer)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.added.connect(lambda path: bubble.show_state(tr("Added to {name}", name=path.name)))
    dialog.open()


def _whole_path(text: str) -> str:
    """The path that a text stands for; a name alone is a file in the folder where the person last chose one."""
    typed = text.strip()
    return str(Path(preferences.last_folder()) / Path(typed).expanduser()) if typed else ""


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else f"{flat[:160]} …"
