"""Step 3: the model to train: the starter, one on this computer, a folder, or an id on the Hugging Face Hub."""

import re
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from app.desktop import preferences
from app.new_run import model_facts
from app.new_run.draft import Draft
from app.new_run.goals import missing_model_reason
from app.new_run.second_model import SecondModel
from app.style import theme
from app.threads.core_calls import UNSUPPORTED, family_support, find_model, missing_files
from app.threads.task import Task
from app.widgets.buttons import plain_button
from app.widgets.card import hbox, vbox
from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.labels import Label, caption, heading, title
from app.widgets.line_edit import LineEdit
from app.widgets.notice import Notice
from app.widgets.scroll_page import ScrollPage
from core import resources
from core.errors import BadModel
from core.run import STARTER

_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class ModelOption:
    """A model on this computer. `support` is UNSUPPORTED or another word of core.model.families for its architecture,
    `sentence` what to know of that."""

    facts: model_facts.ModelFacts
    support: str
    sentence: str


class ModelStep(QWidget):
    """A card for each model; the chosen model is checked for missing files."""

    name = "Model"

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._lookup_started = False  # whether the models on this computer were looked up
        self._checking: Task | None = None
        self._problem = ""
        scroll = ScrollPage()
        vbox(self).addWidget(scroll)
        page = scroll.content_layout
        page.addWidget(title("Which model should learn?"))
        self.notice = Notice()
        page.addWidget(self.notice)
        self.cards = ChoiceGroup()
        self.cards.setAccessibleName("Which model should learn?")
        page.addWidget(self.cards)
        self._searching = caption("Looking for models on this computer…")
        page.addWidget(self._searching)
        page.addSpacing(theme.GRID * 2)
        page.addWidget(heading("Another model"))
        page.addLayout(self._make_id_row())
        page.addWidget(
            caption("A model from Hugging Face is downloaded once, when the run starts, and kept for all apps.")
        )
        self.second_model = SecondModel()
        self.second_model.changed.connect(draft.set)
        page.addSpacing(theme.GRID)
        page.addWidget(self.second_model)
        page.addStretch()
        starter = model_facts.read_model_facts(resources.STARTER).sentence()
        self._add_card(STARTER, "Starter model", starter, "Ships inside, trains in minutes. For trying out.")
        self.cards.chosen.connect(self.use_model)
        draft.changed.connect(self._update)
        self.second_model.show_run(draft.run)
        self._show_choice()

    def enter(self) -> None:
        """Look up the models on this computer, once, and check the chosen one."""
        if not self._lookup_started:
            self._lookup_started = True
            Task(self, _list_options, done=self._show_downloaded, failed=self._searching.setText)
        self.second_model.list_runs(self._draft.run)
        self._check_model()

    def blocked_reason(self) -> str:
        """The reason why the next step has to wait, or ""."""
        return self._problem or missing_model_reason(self._draft.run)

    def use_model(self, path: str) -> None:
        """Train a folder's model, or the model of a Hub id."""
        self._draft.set("model.path", path)

    def choose_folder(self) -> None:
        """Let the person choose a model folder."""
        path = QFileDialog.getExistingDirectory(self, "Choose a model folder", preferences.last_folder())
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self.use_model(path)

    def _make_id_row(self) -> QHBoxLayout:
        layout = hbox(gap=8)
        label = Label("Hugging Face &id", wrap=False)
        self.id = LineEdit("Hugging Face id", "Qwen/Qwen3-0.6B")
        label.setBuddy(self.id)
        self.use_id = plain_button("Use this id")
        self.folder = plain_button("Choose a folder…", "folder")
        self.use_id.clicked.connect(self._use_id)
        self.id.returnPressed.connect(self._use_id)
        self.folder.clicked.connect(self.choose_folder)
        for part in (label, self.id, self.use_id, self.folder):
            layout.addWidget(part, 1 if part is self.id else 0)
        return layout

    def _use_id(self) -> None:
        text = self.id.text().strip()
        if _ID.fullmatch(text):
            self.use_model(text)
            return
        self.notice.show_message("A Hugging Face id has the form owner/name, such as Qwen/Qwen3-0.6B.", tone="warn")

    def _update(self, key: str) -> None:
        if key in ("", "method") or key == self.second_model.key:
            self.second_model.show_run(self._draft.run)
        if key in ("", "model.path", "model.revision"):
            self._show_choice()
            self._check_model()

    def _show_choice(self) -> None:
        path = self._draft.run.model.path
        if path not in self.cards.cards:
            self._add_card(path, Path(path).name if Path(path).is_absolute() else path, "Being looked at…", path)
        self.cards.choose(path)

    def _add_card(self, path: str, name: str, text: str, small: str) -> None:
        self.cards.add(ChoiceCard(path, name, text, small))

    def _show_downloaded(self, options: list[ModelOption]) -> None:
        for option in options:
            model = option.facts
            if model.path in self.cards.cards:
                self.cards.cards[model.path].set_text(model.sentence())
            else:
                self._add_card(model.path, model.name, model.sentence(), "Already downloaded from Hugging Face.")
            if option.support == UNSUPPORTED and model.path != self._draft.run.model.path:
                self.cards.cards[model.path].disable(option.sentence)
        self._searching.setText("" if options else "No model from Hugging Face is on this computer yet.")
        self._searching.setVisible(not options)
        self._show_choice()

    def _check_model(self) -> None:
        """Read the chosen model's facts on a task's thread; show them, or what is missing."""
        if self._checking:
            self._checking.cancel()
        self._problem = ""
        self.notice.hide()
        model = self._draft.run.model
        path, revision = model.path, model.revision

        def work() -> ModelOption | None:
            folder = find_model(path, revision)
            if folder is None:
                return None
            missing = missing_files(folder)
            if missing:
                raise BadModel(f"{folder} is no complete model: {', '.join(missing[:3])} is missing.")
            option = _describe_option(model_facts.read_model_facts(folder, path))
            if option.support == UNSUPPORTED:
                raise BadModel(option.sentence)
            return option

        self._checking = Task(self, work, done=self._show_facts, failed=self._show_failure)

    def _show_facts(self, option: ModelOption | None) -> None:
        card = self.cards.cards[self._draft.run.model.path]
        if option is None:
            card.set_text("Not on this computer yet: it is downloaded when the run starts.")
            return
        card.set_text(option.facts.sentence())
        if option.sentence:
            card.set_detail(option.sentence)

    def _show_failure(self, sentence: str) -> None:
        self._problem = sentence
        self.cards.cards[self._draft.run.model.path].set_text("This model cannot be used.")
        self.notice.show_message(
            sentence, "Choose another model below, or a folder with config.json and safetensors files."
        )


def _describe_option(facts: model_facts.ModelFacts) -> ModelOption:
    return ModelOption(facts, *family_support(facts.architecture))


def _list_options() -> list[ModelOption]:
    """The models that were downloaded to this computer."""
    return [_describe_option(facts) for facts in model_facts.list_downloaded()]
