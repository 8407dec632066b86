"""Step 3: which model learns. The starter, one that is already here, a folder, or an id on the Hub."""

import re
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from app.desktop import preferences
from app.new_run import model_facts
from app.new_run.draft import Draft
from app.new_run.goals import lacking
from app.new_run.second_model import SecondModel
from app.style import theme
from app.threads.core_calls import UNSUPPORTED, family_support, find_model, missing_files
from app.threads.task import Task
from app.widgets.buttons import plain
from app.widgets.card import column, row
from app.widgets.choice_card import Choice, Choices
from app.widgets.labels import Text, caption, heading, title
from app.widgets.line_edit import Entry
from app.widgets.notice import Notice
from app.widgets.scroll_page import Scroll
from core import resources
from core.errors import BadModel
from core.run import STARTER

_ID = re.compile(r"[\w.-]+/[\w.-]+")


class ModelStep(QWidget):
    """Cards of models; what is chosen is checked for being complete."""

    name = "Model"

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._asked = False
        self._checking: Task | None = None
        self._problem = ""
        scroll = Scroll()
        column(self).addWidget(scroll)
        page = scroll.column
        page.addWidget(title("Which model should learn?"))
        self.notice = Notice()
        page.addWidget(self.notice)
        self.cards = Choices()
        self.cards.setAccessibleName("Which model should learn?")
        page.addWidget(self.cards)
        self._searching = caption("Looking for models on this computer…")
        page.addWidget(self._searching)
        page.addSpacing(theme.GRID * 2)
        page.addWidget(heading("Another model"))
        page.addLayout(self._another())
        page.addWidget(
            caption("A model from Hugging Face is downloaded once, when the run starts, and kept for all apps.")
        )
        self.second_model = SecondModel()
        self.second_model.changed.connect(draft.set)
        page.addSpacing(theme.GRID)
        page.addWidget(self.second_model)
        page.addStretch()
        self._add(STARTER, "Starter model", self._starter_words(), "Ships inside, trains in minutes. For trying out.")
        self.cards.chosen.connect(self._pick)
        draft.changed.connect(self._changed)
        self.second_model.show_run(draft.run)
        self._show()

    def enter(self) -> None:
        """Look once what is on this computer."""
        if not self._asked:
            self._asked = True
            Task(self, _downloaded, done=self._show_downloaded, failed=self._searching.setText)
        self.second_model.look(self._draft.run)
        self._check()

    def blocked_reason(self) -> str:
        return self._problem or lacking(self._draft.run)

    def use(self, path: str) -> None:
        """Take a folder or a Hub id as the run's model."""
        self._draft.set("model.path", path)

    def choose_folder(self) -> None:
        """Ask for a model folder."""
        path = QFileDialog.getExistingDirectory(self, "Choose a model folder", preferences.last_folder())
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self.use(path)

    def _another(self) -> QHBoxLayout:
        layout = row(gap=8)
        label = Text("Hugging Face &id", wrap=False)
        self.id = Entry("Hugging Face id", "Qwen/Qwen3-0.6B")
        label.setBuddy(self.id)
        self.use_id = plain("Use this id")
        self.folder = plain("Choose a folder…", "folder")
        self.use_id.clicked.connect(self._use_id)
        self.id.returnPressed.connect(self._use_id)
        self.folder.clicked.connect(self.choose_folder)
        for part in (label, self.id, self.use_id, self.folder):
            layout.addWidget(part, 1 if part is self.id else 0)
        return layout

    def _use_id(self) -> None:
        text = self.id.text().strip()
        if _ID.fullmatch(text):
            self.use(text)
            return
        self.notice.say("A Hugging Face id has the form owner/name, such as Qwen/Qwen3-0.6B.", tone="warn")

    def _pick(self, key: str) -> None:
        self._draft.set("model.path", key)

    def _changed(self, key: str) -> None:
        if key in ("", "method") or key == self.second_model.key:
            self.second_model.show_run(self._draft.run)
        if key in ("", "model.path", "model.revision"):
            self._show()
            self._check()

    def _show(self) -> None:
        path = self._draft.run.model.path
        if path not in self.cards.cards:
            self._add(path, Path(path).name if Path(path).is_absolute() else path, "Being looked at…", path)
        self.cards.choose(path)

    def _add(self, key: str, name: str, words: str, small: str) -> None:
        self.cards.add(Choice(key, name, words, small))

    def _show_downloaded(self, found: list[tuple[model_facts.ModelFacts, str, str]]) -> None:
        for model, state, words in found:
            if model.path in self.cards.cards:
                self.cards.cards[model.path].set_text(model.sentence())
            else:
                here = "Already downloaded from Hugging Face."
                self._add(model.path, model.name, model.sentence(), here)
            if state == UNSUPPORTED and model.path != self._draft.run.model.path:
                self.cards.cards[model.path].refuse(words)
        none = "No model from Hugging Face is on this computer yet."
        self._searching.setText("" if found else none)
        self._searching.setVisible(not found)
        self._show()

    def _starter_words(self) -> str:
        return model_facts.read_model_facts(resources.STARTER).sentence()

    def _check(self) -> None:
        """Say what is known of the chosen model, or what is missing."""
        if self._checking:
            self._checking.drop()
        self._problem = ""
        self.notice.hide()
        model = self._draft.run.model
        path, revision = model.path, model.revision

        def work() -> tuple[model_facts.ModelFacts, str] | None:
            folder = find_model(path, revision)
            if folder is None:
                return None
            absent = missing_files(folder)
            if absent:
                raise BadModel(f"{folder} is no complete model: {', '.join(absent[:3])} is missing.")
            found = model_facts.read_model_facts(folder, path)
            state, words = family_support(found.architecture)
            if state == UNSUPPORTED:
                raise BadModel(words)
            return found, words

        self._checking = Task(self, work, done=self._known, failed=self._failed)

    def _known(self, found: tuple[model_facts.ModelFacts, str] | None) -> None:
        card = self.cards.cards[self._draft.run.model.path]
        if found is None:
            card.set_text("Not on this computer yet: it is downloaded when the run starts.")
            return
        model, limits = found
        card.set_text(model.sentence())
        if limits:
            card.set_small(limits)

    def _failed(self, sentence: str) -> None:
        self._problem = sentence
        self.cards.cards[self._draft.run.model.path].set_text("This model cannot be used.")
        self.notice.say(sentence, "Choose another model below, or a folder with config.json and safetensors files.")


def _downloaded() -> list[tuple[model_facts.ModelFacts, str, str]]:
    """Each model that is here, with whether it can be trained and what to know of it."""
    return [(model, *family_support(model.architecture)) for model in model_facts.list_downloaded()]
