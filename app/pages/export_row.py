"""One row of "Use it": a place for the result, what can be done about it now, and what became of it."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.desktop import reveal
from app.desktop.language import tr
from app.pages.export_texts import Place, form_label
from app.style import theme
from app.threads.export_calls import ExportChoice
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.copy_button import CopyButton
from app.widgets.disabled import disable
from app.widgets.labels import ElidedLabel, IconLabel, Label, heading
from app.widgets.progress_bar import ThinProgressBar

_ICON = 22


def align_buttons(rows: Sequence["ExportRow"]) -> None:
    """Let the buttons of all rows have one width, and the forms another: they stand in two columns."""
    for parts in ([part for row in rows for part in (row.button, row.stop)], [row.form for row in rows]):
        width = max(part.sizeHint().width() for part in parts)
        for part in parts:
            part.setMinimumWidth(width)


class ExportRow(QWidget):
    """Possible, refused, running, checked or failed. `started` when its button is clicked, `stopped` at Stop."""

    started = Signal()
    stopped = Signal()

    def __init__(self, choice: ExportChoice, place: Place) -> None:
        super().__init__()
        self.choice = choice
        self._saved: Path | None = None
        self._command = ""
        column = vbox(self, gap=4)
        column.setContentsMargins(0, 12, 0, 12)
        row = hbox(gap=12)
        column.addLayout(row)
        self.icon = IconLabel(place.icon, "accent_text", _ICON)
        row.addWidget(self.icon, 0, Qt.AlignmentFlag.AlignTop)
        texts = vbox(gap=4)
        self.title = heading(tr(choice.title))
        self.sentence = Label(tr(choice.sentence), tone="secondary")
        texts.addWidget(self.title)
        texts.addWidget(self.sentence)
        self._add_states(texts)
        row.addLayout(texts, 1)
        column.addLayout(self._build_actions())
        self.form = ComboBox(tr("Form: {target}", target=tr(choice.title)), 30)
        self._list_forms()
        self.button = plain_button(place.button, place.button_icon)
        self.button.setAccessibleName(f"{place.button} {tr(choice.title)}")
        self.stop = quiet_button(tr("Stop"), "stop")
        for part in (self.form, self.button, self.stop):
            row.addWidget(part, 0, Qt.AlignmentFlag.AlignTop)
        self.button.clicked.connect(self.started)
        self.stop.clicked.connect(self.stopped)
        self.show_possible()

    def _add_states(self, texts: QVBoxLayout) -> None:
        self.phase = Label(tone="secondary")
        self.bar = ThinProgressBar(tr("Saving"))
        self.result = Label(selectable=True)
        self.notes = Label(tone="secondary", selectable=True)
        self.command = ElidedLabel("", "caption")  # a long path would make the row wider than its page
        for part in (self.phase, self.bar, self.result, self.notes, self.command):
            texts.addWidget(part)

    def _build_actions(self) -> QHBoxLayout:
        """What can be done with the result, below the row: beside the form and the button it might lack the room."""
        self.reveal = plain_button(reveal.REVEAL_LABEL, "folder")
        self.copy = CopyButton(
            tr("Copy what other programs need: {target}", target=self.title.text()), lambda: self._command
        )
        actions = hbox(gap=8)
        actions.addSpacing(_ICON + 12)  # below the texts
        actions.addWidget(self.reveal)
        actions.addWidget(self.copy)
        actions.addStretch()
        self.reveal.clicked.connect(self._reveal_saved)
        return actions

    def _list_forms(self) -> None:
        for form in self.choice.forms:
            self.form.addItem(form_label(form.name), form.name)
            if form.refusal:
                index = self.form.count() - 1
                item = self.form.model().index(index, 0)
                self.form.setItemData(index, 0, Qt.ItemDataRole.UserRole - 1)  # no flags: it cannot be chosen
                self.form.model().setData(item, tr(form.refusal), Qt.ItemDataRole.ToolTipRole)
        self.form.setVisible(len(self.choice.forms) > 1)

    @property
    def chosen_form(self) -> str:
        """The form to write; "" for a target that has only one."""
        return str(self.form.currentData() or "")

    def set_waiting(self, reason: str) -> None:
        """Disable the button while something else has the model; `reason` says what, "" for nothing."""
        for part in (self.button, self.form):
            disable(part, reason or tr(self.choice.refusal))

    def show_possible(self) -> None:
        """Nothing has been done yet; or it cannot be, and the reason stands there."""
        self._show()
        if self.choice.refusal:
            self._write(tr("Not possible: {reason}", reason=self.choice.refusal), "warn")

    def show_running(self, phase: str, share: float | None = None) -> None:
        """What the export is doing, and how far it is."""
        self._show(runs=True)
        self.phase.setText(phase)
        self.bar.show_share(share)
        disable(self.stop, "")

    def show_stopping(self) -> None:
        """It ends after its present piece."""
        self.show_running(tr("Stopping"))
        disable(self.stop, tr("It is stopping."))

    def show_done(self, saved: Path, checked: str, notes: str, command: str) -> None:
        """What lies where, what was checked, what else there is to know, and a command that is left to do."""
        self._saved, self._command = saved, command
        self._show()
        self._write(" ".join(filter(None, (tr("Saved as {name}.", name=saved.name), checked))), "good")
        self.notes.setText(notes)
        self.notes.setVisible(bool(notes))
        self.command.show_text(command)
        for part in (self.command, self.copy):
            part.setVisible(bool(command))
        self.reveal.show()

    def show_uploaded(self, address: str, notes: str) -> None:
        """The page of what was uploaded."""
        self._command = address
        self._show()
        self._write(tr("Uploaded, and compared with what the Hub has:"), "good")
        self.command.show_text(address)
        self.notes.setText(notes)
        self.notes.setVisible(bool(notes))
        for part in (self.command, self.copy):
            part.show()

    def show_serving(self, address: str, notes: str) -> None:
        """Where other programs are answered, until Stop."""
        self._command = address
        self._show()
        self._write(tr("Answers at this address:"), "good")
        self.command.show_text(address)
        self.notes.setText(notes)
        self.notes.setVisible(bool(notes))
        for part in (self.command, self.copy, self.stop):
            part.show()
        self.stop.setFocus() if self.button.hasFocus() else None
        self.button.hide()

    def show_failure(self, sentence: str) -> None:
        """Why it could not be done."""
        self._show()
        self._write(sentence, "bad")

    def _show(self, runs: bool = False) -> None:
        """Show the parts of a row that `runs`, or those of one that does not. The keyboard's focus stays in the row."""
        gone, next_one = (self.button, self.stop) if runs else (self.stop, self.button)
        if gone.hasFocus():
            next_one.show()
            disable(next_one, "")
            next_one.setFocus()
        for part in (self.phase, self.bar, self.stop):
            part.setVisible(runs)
        for part in (self.result, self.notes, self.command, self.reveal, self.copy):
            part.hide()
        self.button.setVisible(not runs)

    def _write(self, sentence: str, tone: str) -> None:
        self.result.set_tone(tone)
        self.result.setText(sentence)
        self.result.show()

    def _reveal_saved(self) -> None:
        if self._saved is not None:
            reveal.reveal(self._saved)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A line above the row."""
        QPainter(self).fillRect(0, 0, self.width(), 1, theme.colours(theme.palette()).separator)
