"""The second model of a method that has one: the teacher to learn from, or the reference to be compared with."""

import datetime
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog

from app.desktop import preferences
from app.new_run.goals import wanted
from app.new_run.model_facts import ModelFacts
from app.runs import history
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import plain
from app.widgets.card import Card, column, row
from app.widgets.combo_box import Combo
from app.widgets.labels import caption, heading
from app.widgets.line_edit import Entry
from core.run import STARTER, Run, runs_folder

# What a reference may be besides a model.
_WORDS = {"base": "The model itself, without its add-on", "initial": "The model with the add-on it starts from"}


class SecondModel(Card):
    """`changed(key, value)` when a person chooses; the value is a folder, an id, a word, or None."""

    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.key = ""
        self._shown: str | None = None
        self._looked = False
        self._found: list[tuple[str, str]] = []  # (words, value) of what is on this computer
        layout = column(self, 14, theme.GRID)
        self.title, self.about = heading(""), caption("")
        layout.addWidget(self.title)
        layout.addWidget(self.about)
        line = row(gap=8)
        self.choice = Combo("Other model", 30)
        self.choice.setMinimumContentsLength(24)
        self.id = Entry("Hugging Face id or folder of the other model", "or a Hugging Face id")
        self.use_id = plain("Use this id")
        self.folder = plain("Choose a folder…", "folder")
        for part in (self.choice, self.id, self.use_id, self.folder):
            line.addWidget(part, 1 if part in (self.choice, self.id) else 0)
        layout.addLayout(line)
        self.choice.activated.connect(lambda: self._pick(self.choice.currentData()))
        self.use_id.clicked.connect(self._use_id)
        self.id.returnPressed.connect(self._use_id)
        self.folder.clicked.connect(self.choose_folder)

    def show_run(self, run: Run) -> None:
        """Show what the run's method wants, or nothing where it wants no other model."""
        found = wanted(run)
        self.setVisible(found is not None)
        if found is None:
            return
        self.key = f"options.{found.name}"
        self._shown = getattr(run.options, found.name)
        self.title.setText(found.label)
        self.about.setText(found.help)
        entries: list[tuple[str, str | None]] = [(found.unset[0].upper() + found.unset[1:], None)]
        if found.name == "reference":
            entries += [(words, value) for value, words in _WORDS.items()]
        entries += [("Starter model", STARTER), *self._found]
        if self._shown not in [value for _, value in entries]:
            entries.append((str(self._shown), self._shown))
        self.choice.clear()
        for words, value in entries:
            self.choice.addItem(words, value)
        self.choice.setCurrentIndex(self.choice.findData(self._shown))

    def look(self, run: Run) -> None:
        """See which runs are on this computer: each has learned something worth passing on."""
        if not self._looked and wanted(run) is not None:
            self._looked = True
            Task(self, lambda: history.entries(runs_folder()), done=lambda found: self.show_found(found, [], run))

    def show_found(self, runs: list[history.Entry], models: list[ModelFacts], run: Run) -> None:
        """Offer runs with an adapter, and models that are here."""
        for entry in runs:
            if (entry.folder / "adapters.safetensors").is_file():
                when = datetime.datetime.fromtimestamp(entry.began)
                words = f"{entry.model} + {entry.data}, {entry.method}, {when:%d %b %H:%M}"
                self._found.append((words, str(entry.folder)))
        self._found += [(model.name, model.path) for model in models]
        self.show_run(run)

    def choose_folder(self) -> None:
        """Ask for a model's or a run's folder."""
        path = QFileDialog.getExistingDirectory(self, "Choose a model's or a run's folder", preferences.last_folder())
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self._pick(path)

    def _use_id(self) -> None:
        if text := self.id.text().strip():
            self._pick(text)

    def _pick(self, value: str | None) -> None:
        if value != self._shown:
            self.changed.emit(self.key, value)
