"""The row on the first page that offers to go on with a run that was interrupted."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop import preferences
from app.desktop.language import tr
from app.runs import history
from app.threads.task import Task
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import IconLabel, Label, caption


class InterruptedRow(Card):
    """`resume(folder)` when the person wants to go on. Hidden while there is nothing to offer."""

    resume = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: history.InterruptedRun | None = None
        self._resumed: set[str] = set()  # their keys: a look that began before still finds them interrupted
        self.set_tone("accent")
        layout = hbox(self, 14, 12)
        layout.addWidget(IconLabel("runs", "accent_text", 22))
        words = vbox(gap=2)
        self.sentence = Label(bold=True)
        self.detail = caption()
        words.addWidget(self.sentence)
        words.addWidget(self.detail)
        layout.addLayout(words, 1)
        self.not_now = quiet_button(tr("Not now"))
        self.resume_button = plain_button(tr("Resume"), "play")
        for button in (self.not_now, self.resume_button):
            layout.addWidget(button)
        self.resume_button.clicked.connect(self._resume)
        self.not_now.clicked.connect(self._dismiss)
        self.hide()

    def look(self) -> None:
        """Look for a run that was interrupted, in the background."""
        Task(self, lambda: history.list_interrupted(history.list_known()), done=self.show_runs)

    def show_runs(self, runs: list[history.InterruptedRun]) -> None:
        """Offer the newest of these runs that the person has not put off."""
        passed_over = {*preferences.dismissed_runs(), *self._resumed}
        offered = [run for run in runs if run.key not in passed_over]
        self._shown = offered[0] if offered else None
        self.setVisible(self._shown is not None)
        if self._shown is None:
            return
        entry, others = self._shown.entry, len(offered) - 1
        total = tr(" of {steps:,}", steps=entry.steps) if entry.steps else ""
        more = (
            ""
            if not others
            else tr(" One more stands among the runs.")
            if others == 1
            else (tr(" {others:,} more stand among the runs.", others=others))
        )
        self.sentence.setText(tr("“{title}” was interrupted.", title=entry.title))
        self.detail.setText(
            tr(
                "{method}, {model}: kept up to step {step:,}{total}.{more}",
                method=entry.method,
                model=entry.model,
                step=self._shown.step,
                total=total,
                more=more,
            )
        )
        self.resume_button.setAccessibleName(tr("Resume {title}", title=entry.title))

    def _resume(self) -> None:
        if self._shown is not None:
            folder: Path = self._shown.entry.folder
            self._resumed.add(self._shown.key)
            self.hide()
            self.resume.emit(folder)

    def _dismiss(self) -> None:
        """Do not offer this run again, unless it goes on and is interrupted once more."""
        if self._shown is not None:
            preferences.dismiss_run(self._shown.key)
            self.look()
