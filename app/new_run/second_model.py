"""The second model of a method that has one: the teacher to learn from, or the reference to compare with."""

import datetime
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog

from app.desktop import preferences
from app.desktop.language import tr
from app.new_run.goals import other_model_option
from app.runs import history
from app.runs.settings_text import translate
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import plain_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.labels import caption, heading
from app.widgets.line_edit import LineEdit
from core.options import Option
from core.run import STARTER, Run

# What a reference may be instead of another model.
_REFERENCES = {
    "base": tr("The model itself, without its adapter"),
    "initial": tr("The model with the adapter it starts from"),
}


class SecondModel(Card):
    """`changed(key, value)` when the person chooses; the value is a folder, an id, a word such as "base", or None."""

    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.key = ""  # of the option that names the second model
        self._value: str | None = None
        self._run = Run()
        self._looking: Task | None = None
        self._runs: list[tuple[str, str]] = []  # (label, folder) of those on this computer
        self._models: list[tuple[str, str]] = []  # (label, path), as well
        layout = vbox(self, 14, theme.GRID)
        self.title, self.help = heading(""), caption("")
        layout.addWidget(self.title)
        layout.addWidget(self.help)
        self.choice = ComboBox(tr("Other model"), 30)
        self.id = LineEdit("", tr("or a Hugging Face id"))
        self.use_id = plain_button(tr("Use this id"))
        self.folder = plain_button(tr("Choose a folder…"), "folder")
        layout.addWidget(self.choice)
        line = hbox(gap=8)
        line.addWidget(self.id, 1)
        line.addWidget(self.use_id)
        line.addWidget(self.folder)
        layout.addLayout(line)
        self.choice.activated.connect(lambda: self._pick(self.choice.currentData()))
        self.use_id.clicked.connect(self._use_id)
        self.id.returnPressed.connect(self._use_id)
        self.folder.clicked.connect(self.choose_folder)

    def show_run(self, run: Run) -> None:
        """Show the choices for the run's method; hide the card where the method needs no second model."""
        self._run, option = run, other_model_option(run)
        self.setVisible(option is not None)
        if option is None:
            return
        option = translate(option)
        self.key = f"options.{option.name}"
        self._value = getattr(run.options, option.name)
        self.title.setText(option.label)
        self.help.setText(option.help)
        self._name_parts(option)
        entries: list[tuple[str, str | None]] = [(option.unset[0].upper() + option.unset[1:], None)]
        if option.name == "reference":
            entries += [(label, value) for value, label in _REFERENCES.items()]
        entries += [(tr("Starter model"), STARTER), *self._models, *self._runs]
        if self._value not in [value for _, value in entries]:
            entries.append((str(self._value), self._value))
        self.choice.clear()
        for label, value in entries:
            self.choice.addItem(label, value)
        self.choice.setCurrentIndex(self.choice.findData(self._value))

    def _name_parts(self, option: Option) -> None:
        """Tell a screen reader which model the fields and buttons are about: the page has others of the same words."""
        self.choice.setAccessibleName(option.label)
        self.choice.setAccessibleDescription(option.help)
        self.id.setAccessibleName(tr("{title}: Hugging Face id or folder", title=option.label))
        for button in (self.use_id, self.folder):
            button.setAccessibleName(f"{option.label}: {button.text()}")

    def list_runs(self) -> None:
        """Look up the runs on this computer: each is a trained model that can be the teacher or reference."""
        if self._looking:
            self._looking.cancel()
        if other_model_option(self._run) is not None:
            self._looking = Task(self, history.list_known, done=self._show_runs)

    def _show_runs(self, entries: list[history.HistoryEntry]) -> None:
        self._runs = [
            (_describe(entry), str(entry.folder))
            for entry in entries
            if (entry.folder / "adapters.safetensors").is_file()
        ]
        self.show_run(self._run)

    def show_models(self, models: list[tuple[str, str]]) -> None:
        """Offer these models on this computer, given as (title, path)."""
        self._models = models
        self.show_run(self._run)

    def choose_folder(self) -> None:
        """Let the person choose a model's or a run's folder."""
        path = QFileDialog.getExistingDirectory(
            self, tr("Choose a model's or a run's folder"), preferences.last_folder()
        )
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self._pick(path)

    def _use_id(self) -> None:
        if text := self.id.text().strip():
            self._pick(text)

    def _pick(self, value: str | None) -> None:
        if value != self._value:
            self.changed.emit(self.key, value)


def _describe(entry: history.HistoryEntry) -> str:
    return tr(
        "{model} + {data}, {method}, {time:%d %b %H:%M}",
        model=entry.model,
        data=entry.title,
        method=entry.method,
        time=datetime.datetime.fromtimestamp(entry.start_time),
    )
