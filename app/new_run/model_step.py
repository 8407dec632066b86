"""Step 3: the model to train: one on this computer, a recommended one, or one that is found on the Hugging Face Hub."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.desktop import preferences
from app.desktop.language import tr
from app.new_run import model_cards
from app.new_run.download_card import DownloadCard
from app.new_run.downloads_dialog import DownloadsDialog
from app.new_run.draft import Draft
from app.new_run.goals import missing_model_reason
from app.new_run.hub_search_box import HubSearchBox
from app.new_run.memory_fit import MemoryFit
from app.new_run.model_cards import ModelCard, ModelChoices
from app.new_run.model_check import CheckedModel, check_model, models_of
from app.new_run.model_facts import describe_facts
from app.new_run.second_model import SecondModel
from app.new_run.token_dialog import TokenDialog
from app.runs.inputs import read_run_inputs
from app.runs.job_queue import JobQueue
from app.style import theme
from app.threads.model_library import read_model_facts
from app.threads.task import Task
from app.widgets.buttons import quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.labels import Label, caption, heading, title
from app.widgets.notice import Notice
from app.widgets.scroll_page import ScrollPage
from core import resources
from core.run import STARTER, runs_folder

_SHOWN = 8  # models of this computer; the others come when they are asked for


class ModelStep(QWidget):
    """A card for each model; the chosen model is checked for missing files, and can be downloaded at once."""

    name = tr("Model")

    def __init__(self, draft: Draft, jobs: JobQueue | None = None) -> None:
        super().__init__()
        self._draft, self._jobs = draft, jobs
        self._checking: Task | None = None
        self._finding: Task | None = None
        self._problem = ""
        self._hidden_cards: list[ModelCard] = []  # of models on this computer
        self._shows_all = False
        self._fits: dict[str, MemoryFit] = {}
        scroll = ScrollPage()
        vbox(self).addWidget(scroll)
        page = scroll.content_layout
        page.addWidget(title(tr("Which model should learn?")))
        self.notice = Notice()
        page.addWidget(self.notice)
        self.download = DownloadCard()
        page.addWidget(self.download)
        page.addSpacing(theme.GRID)
        self._recommended_title = heading(tr("Recommended for this computer"))
        page.addWidget(self._recommended_title)
        self.recommended = ChoiceGroup(3)
        self.recommended.setAccessibleName(tr("Recommended for this computer"))
        page.addWidget(self.recommended)
        page.addSpacing(theme.GRID)
        here = hbox(gap=8)
        here.addWidget(heading(tr("On this computer")), 1)
        self.downloads_button = quiet_button(tr("Downloaded models…"))
        here.addWidget(self.downloads_button)
        page.addLayout(here)
        self.cards = ChoiceGroup()
        self.cards.setAccessibleName(tr("Which model should learn?"))
        page.addWidget(self.cards)
        self.show_all = quiet_button(tr("Show more"))
        page.addWidget(self.show_all)
        self._searching = caption(tr("Looking for models on this computer…"))
        page.addWidget(self._searching)
        self.problems = Label("", "caption", tone="warn", selectable=True)
        page.addWidget(self.problems)
        page.addSpacing(theme.GRID)
        page.addWidget(heading(tr("On Hugging Face")))
        page.addWidget(caption(tr("A model is downloaded once, and kept for all apps.")))
        self.hub = HubSearchBox()
        page.addWidget(self.hub)
        self.second_model = SecondModel()
        page.addSpacing(theme.GRID)
        page.addWidget(self.second_model)
        page.addStretch()
        self._add_starter()
        for widget in (self._recommended_title, self.recommended, self.show_all, self.problems):
            widget.hide()
        self._connect()
        self.second_model.show_run(draft.run)
        self._show_choice()

    def _connect(self) -> None:
        for group in (self.recommended, self.cards):
            group.chosen.connect(self.use_model)
        self.hub.chosen.connect(self.use_model)
        self.hub.choose_folder.connect(self.choose_folder)
        self.hub.edit_token.connect(lambda: TokenDialog(self.window()).open())
        self.download.arrived.connect(self._arrive)
        self.show_all.clicked.connect(self._show_hidden)
        self.downloads_button.clicked.connect(lambda: self.show_downloads())
        self.second_model.changed.connect(self._draft.set)
        self._draft.changed.connect(self._update)

    def enter(self) -> None:
        """Look up the models on this computer, with the memory that the run takes with each, and check the chosen."""
        self._find()
        self.second_model.list_runs()
        self._check_model()

    def blocked_reason(self) -> str:
        """The reason why the next step has to wait, or ""."""
        return self._problem or missing_model_reason(self._draft.run)

    def use_model(self, path: str) -> None:
        """Train a folder's model, or the model of a Hub id."""
        if Path(path).is_absolute():
            preferences.remember_model_folder(path)
        self._draft.set("model.path", path)

    def choose_folder(self) -> None:
        """Let the person choose a model folder."""
        path = QFileDialog.getExistingDirectory(self, tr("Choose a model folder"), preferences.last_folder())
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self.use_model(path)

    def show_downloads(self, parent: QWidget | None = None) -> DownloadsDialog:
        """Show what was downloaded and how large it is, to be deleted; over `parent` where it is another window."""
        jobs = self._jobs
        runs = [*jobs.waiting_runs, *filter(None, [jobs.current])] if jobs is not None else []
        dialog = DownloadsDialog(parent or self.window(), {path for live in runs for path in models_of(live.run)})
        dialog.changed.connect(self._look_again)
        dialog.open()
        return dialog

    def _look_again(self) -> None:
        """Other models are here than before."""
        self.cards.clear()
        self._add_starter()
        self._shows_all = False
        self._show_choice()
        self._find()
        self._check_model()

    def _update(self, key: str) -> None:
        if key in ("", "method") or key == self.second_model.key:
            self.second_model.show_run(self._draft.run)
        if key in ("", "method") and self.isVisible():
            self.second_model.list_runs()
        if key in ("", "model.path", "model.revision"):
            self._show_choice()
            self._check_model()

    def _find(self) -> None:
        if self._finding:
            self._finding.cancel()
        run, remembered = self._draft.run, preferences.model_folders()

        def work() -> ModelChoices:
            used = [item.model for item in read_run_inputs(runs_folder()) if Path(item.model).is_absolute()]
            return model_cards.find_choices(run, list(dict.fromkeys([*remembered, *used])))

        self._finding = Task(self, work, done=self.show_choices, failed=self._searching.setText)

    def show_choices(self, choices: ModelChoices) -> None:
        """Show the models that were found, and the recommended ones."""
        self._fits = choices.fits
        self.second_model.show_models([(card.title, card.path) for card in choices.local if not card.refused])
        shown = [card for card in choices.local if card.path in self.cards.cards]
        new = [card for card in choices.local if card.path not in self.cards.cards]
        count = len(new) if self._shows_all else max(0, _SHOWN - len(self.cards.cards))
        for card in shown:
            self._refresh(card)
        for card in new[:count]:
            self._add(card)
        self._hidden_cards = new[count:]
        self.show_all.setText(tr("Show {count} more", count=len(self._hidden_cards)))
        self.show_all.setVisible(bool(self._hidden_cards))
        self._show_recommended(choices.recommended)
        self._searching.setText("" if choices.local else tr("No other model is on this computer yet."))
        self._searching.setVisible(not choices.local)
        self.problems.setText("\n".join(choices.problems))
        self.problems.setVisible(bool(choices.problems))
        for path, widget in self.cards.cards.items():
            self._show_fit(widget, path)
        self._show_choice()

    def _show_recommended(self, cards: list[ModelCard]) -> None:
        if list(self.recommended.cards) != [card.path for card in cards]:
            self.recommended.clear()
            for card in cards:
                self.recommended.add(ChoiceCard(card.path, card.title, card.text, " ", card.corner))
        for card in cards:
            widget = self.recommended.cards[card.path]
            widget.set_text(card.text)
            if fit := self._fits.get(card.path):
                widget.set_detail(fit.badge, fit.state)
        for part in (self._recommended_title, self.recommended):
            part.setVisible(bool(cards))

    def _show_fit(self, widget: ChoiceCard, path: str) -> None:
        if fit := self._fits.get(path):
            widget.set_corner(fit.badge, fit.state)

    def _show_hidden(self) -> None:
        for card in self._hidden_cards:
            self._add(card)
        self._hidden_cards, self._shows_all = [], True
        self.show_all.hide()
        self._show_choice()

    def _add_starter(self) -> None:
        starter = describe_facts(read_model_facts(resources.STARTER))
        words = tr("Ships inside, trains in minutes. For trying out.")
        self.cards.add(ChoiceCard(STARTER, tr("Starter model"), starter, words))

    def _add(self, card: ModelCard) -> None:
        self.cards.add(ChoiceCard(card.path, card.title, card.text, card.detail))
        self._refresh(card)

    def _refresh(self, card: ModelCard) -> None:
        widget = self.cards.cards[card.path]
        widget.set_text(card.text)
        widget.set_detail(card.detail)
        if card.path != self._draft.run.model.path:  # the reason of the chosen one stands in the notice
            widget.disable(card.refused)
        self._show_fit(widget, card.path)

    def _show_choice(self) -> None:
        path = self._draft.run.model.path
        groups = (self.recommended, self.cards, self.hub.results)
        if not any(path in group.cards for group in groups):
            name = Path(path).name if Path(path).is_absolute() else path
            self.cards.add(ChoiceCard(path, name, tr("Being looked at…"), path))
        for group in groups:
            group.choose(path)

    def _check_model(self) -> None:
        """Read the chosen model's facts on a task's thread; show them, or what is missing."""
        if self._checking:
            self._checking.cancel()
        self._problem = ""
        self.notice.hide()
        run = self._draft.run
        self._checking = Task(self, lambda: check_model(run), done=self._show_checked, failed=self._show_failure)

    def _show_checked(self, checked: CheckedModel) -> None:
        path = self._draft.run.model.path
        if checked.fit:
            self._fits[path] = checked.fit
        if card := self.cards.cards.get(path):
            card.set_text(checked.text)
            self._show_fit(card, path)
            if checked.detail:
                card.set_detail(checked.detail)
        if checked.is_here:
            self.download.dismiss()
        else:
            badge = checked.fit.badge if checked.fit else ""
            self.download.offer(path, f"{checked.text} {badge}".strip(), checked.page)

    def _show_failure(self, sentence: str) -> None:
        self._problem = sentence
        self.download.dismiss()
        if card := self.cards.cards.get(self._draft.run.model.path):
            card.set_text(tr("This model cannot be used."))
        self.notice.show_message(
            sentence, tr("Choose another model below, or a folder with config.json, safetensors files and a tokenizer.")
        )

    def _arrive(self, model_id: str) -> None:
        """A model was downloaded: it is on this computer now, and is the chosen one unless another was chosen since."""
        self._find()
        if self._draft.run.model.path == model_id:
            self._check_model()
