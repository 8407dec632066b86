"""The card of a run that pauses: where it stands, what can be changed, and how it goes on or ends."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout

from app.desktop.language import localize, tr
from app.runs import pause_changes
from app.runs.record import RunRecord
from app.runs.status_text import describe_paused
from app.widgets.buttons import plain_button, primary_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.disabled import disable
from app.widgets.labels import IconLabel, Label, caption
from app.widgets.line_edit import LineEdit
from core.errors import BadOption
from core.run import Run

_LOWER = 0.5  # of the learning rate, where a lower one is suggested


class PauseCard(Card):
    """`resume(changes)` to go on, `end` to keep what is learned and end, `discard` to ask whether to throw it away."""

    resume = Signal(object)
    end = Signal()
    discard = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._run: Run | None = None
        self._record: RunRecord | None = None
        self.set_tone("accent")
        layout = vbox(self, 14, 10)
        head = hbox(gap=10)
        head.addWidget(IconLabel("pause", "accent_text", 20))
        self.sentence = Label(bold=True)
        head.addWidget(self.sentence, 1)
        layout.addLayout(head)
        layout.addLayout(self._build_fields())
        self.plan = caption()
        layout.addWidget(self.plan)
        buttons = hbox(gap=8)
        self.resume_button = primary_button(tr("Resume"), "play")
        self.end_button = plain_button(tr("Stop and keep"), "stop")
        self.discard_button = quiet_button(tr("Discard…"))
        for button in (self.resume_button, self.end_button, self.discard_button):
            buttons.addWidget(button)
        buttons.addStretch()
        layout.addLayout(buttons)
        self.resume_button.clicked.connect(self._resume)
        self.end_button.clicked.connect(self.end)
        self.discard_button.clicked.connect(self.discard)
        self.hide()

    def _build_fields(self) -> QHBoxLayout:
        row = hbox(gap=8)
        self.rate = LineEdit(tr("Learning rate"))
        self.extra = LineEdit(tr("More training"), "0")
        self.unit = ComboBox(tr("Steps or epochs"))
        self.unit.addItem(tr("steps"), pause_changes.STEPS)
        self.unit.addItem(tr("epochs"), pause_changes.EPOCHS)
        self.rate.setFixedWidth(110)
        self.extra.setFixedWidth(80)
        for words, field in ((tr("&Learning rate"), self.rate), (tr("&More training"), self.extra)):
            label = Label(words, wrap=False)
            label.setBuddy(field)
            row.addWidget(label)
            row.addWidget(field)
            row.addSpacing(0 if field is self.extra else 12)
        row.addWidget(self.unit)
        row.addStretch()
        self.rate.textChanged.connect(self._check)
        self.extra.textChanged.connect(self._check)
        self.unit.activated.connect(self._check)
        for field in (self.rate, self.extra):
            field.returnPressed.connect(self._resume)
        return row

    def show_paused(self, run: Run, record: RunRecord, held_bytes: int, *, suggests_lower: bool = False) -> None:
        """Show where a run stands. `suggests_lower` puts a lower learning rate into its field."""
        self._run, self._record = run, record
        self.show_memory(held_bytes)
        rate = pause_changes.present_rate(run)
        self.rate.setText(_written(rate * _LOWER if suggests_lower else rate))
        self.extra.clear()
        self._check()
        self.show()

    def show_memory(self, held_bytes: int) -> None:
        """Show what the process holds by now; 0 where it has not trained the run."""
        if self._record is not None:
            self.sentence.setText(describe_paused(self._record, held_bytes))

    def _check(self) -> None:
        """Say what the fields stand for, or what is wrong with one of them."""
        changes = self._read()
        if changes is None and self.resume_button.hasFocus():
            self.rate.setFocus()  # Qt would give it to the next button, which ends the run
        disable(self.resume_button, self.plan.text() if changes is None else "")
        if changes is not None and self._run is not None and self._record is not None:
            self.plan.set_tone("secondary")
            self.plan.setText(pause_changes.describe_plan(self._run, self._record, changes))

    def _read(self) -> dict[str, Any] | None:
        """The changes that the fields stand for; None where one of them is wrong, which is said and marked then."""
        run, record = self._run, self._record
        if run is None or record is None:
            return None
        self.rate.mark_wrong(False)
        self.extra.mark_wrong(False)
        field = self.rate
        try:
            rate = pause_changes.read_rate(run, self.rate.text())
            field = self.extra
            more = pause_changes.read_extra_steps(record, self.extra.text(), self.unit.currentData())
        except BadOption as error:
            field.mark_wrong(True)
            self.plan.set_tone("bad")
            self.plan.setText(tr(str(error)))
            return None
        return pause_changes.list_changes(run, record, rate, more)

    def _resume(self) -> None:
        changes = self._read()
        if changes is not None:
            self.resume.emit(changes)


def _written(rate: float) -> str:
    """A rate as a person would write it into a field."""
    plain = f"{rate:.10f}".rstrip("0").rstrip(".")
    return localize(plain if float(plain) == rate else repr(rate))
