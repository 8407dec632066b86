"""Step 4: the settings of the training: three presets with their time, three sliders with more settings folded below
them, an advanced form with all, and the run as text."""

import functools
from collections.abc import Iterator

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.new_run import memory_fit, simple_settings
from app.new_run.command_tab import CommandTab
from app.new_run.disabled_reasons import find_reasons, use_labels
from app.new_run.draft import Draft
from app.new_run.form import Form
from app.new_run.presets import PRESETS
from app.new_run.rewards_tab import REASONING_KEY, RewardsTab
from app.new_run.simple_settings import SimpleSettings
from app.new_run.step_times import StepTime, StepTimes
from app.new_run.training_choices import CHOICES, TrainingChoices
from app.runs.job_queue import JobQueue
from app.runs.settings_text import REWARDS_KEY, list_options
from app.runs.status_text import format_duration
from app.style import theme
from app.threads.core_calls import find_model
from app.threads.model_library import read_model_facts
from app.threads.task import Task
from app.threads.throttle import Throttle
from app.widgets.allow_code import PERMISSIONS
from app.widgets.card import column, vbox
from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.fold_button import FoldButton
from app.widgets.labels import title
from app.widgets.line_edit import LineEdit
from app.widgets.scroll_page import ScrollPage
from app.widgets.tabs import Tabs
from core.errors import BadOption
from core.options import describe
from core.run import Run, runs_folder

_LINES_A_TURN = 10  # of a form, while the window goes on
_DONE = object()
EARLIER_STEP_KEYS = ("method", "model.path", "data.path")  # chosen in the steps before
# Shown as sliders, as cards or in a tab, not as lines of the simple form.
CARD_KEYS = (*CHOICES, *simple_settings.KEYS, REWARDS_KEY, REASONING_KEY)
_ESTIMATE_MS = 400  # after the last change
_MEMORY_SECTIONS = ("model.", "adapter.", "train.", "data.", "options.")  # of options that memory depends on


class SettingsStep(QWidget):
    """Presets and forms over the draft: every widget of a form changes one option."""

    name = tr("Settings")
    problem_changed = Signal(str)  # why the settings cannot be used, "" where they can

    def __init__(self, draft: Draft, jobs: JobQueue | None = None, times: StepTimes | None = None) -> None:
        super().__init__()
        self._draft, self._times = draft, times or StepTimes(runs_folder())
        self._time: StepTime | None = None  # what is known of the steps of a run like the draft
        self._finding_time: Task | None = None
        self._refused: dict[str, str] = {}
        self._forms: list[Form] = []
        self._building: Iterator[None] | None = None  # makes the forms, part by part
        self._method = ""
        self._model_packing = ""  # how the model's own weights are quantized, "" for full precision
        self._reading_model: Task | None = None
        self._estimating: Task | None = None
        layout = vbox(self, theme.MARGIN, theme.GRID)
        layout.addWidget(title(tr("How should it be trained?")))
        self.presets = ChoiceGroup(columns=3)
        self.presets.setAccessibleName(tr("Presets"))
        for preset in PRESETS:
            self.presets.add(ChoiceCard(preset.key, preset.name, preset.description, " "))
        self.presets.chosen.connect(self._apply_preset)
        layout.addLayout(column(self.presets))
        self.tabs = Tabs(tr("Kinds of settings"))
        layout.addWidget(self.tabs, 1)
        self._simple = ScrollPage(in_tab=True)
        self.simple = SimpleSettings()
        self.simple.show_run(draft.run, None)
        self.simple.changed.connect(self._set_simple)
        self.choices = TrainingChoices()
        self.choices.changed.connect(self._set_option)
        self._more = QWidget()
        self._more_layout = vbox(self._more, gap=theme.GRID)
        self._more_layout.addWidget(self.choices)
        self.more_button = FoldButton(tr("More settings: what is trained, memory, length of a row"), self._more)
        for part in (self.simple, self._more):
            self._simple.content_layout.addWidget(part)
        self._simple.content_layout.insertWidget(1, self.more_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._simple.content_layout.addStretch()
        self._advanced = ScrollPage(in_tab=True)
        self.search = LineEdit(tr("Search all settings"), tr("Search all settings"))
        self.tabs.add(tr("Simple"), self._simple)
        self._jobs, self._rewards = jobs, QWidget()  # filled when a method first has rewards
        vbox(self._rewards)
        self.tabs.add(tr("Rewards"), self._rewards)
        self.tabs.add(tr("Advanced"), self._make_advanced_page())
        self.text = CommandTab()
        self.tabs.add(tr("Command and run.toml"), self.text)
        self._update_text = Throttle(lambda: self.text.show_run(self._draft.run), 100, self)
        self._estimate_soon = Throttle(self._estimate_memory, _ESTIMATE_MS, self, debounce=True)
        self._find_time_soon = Throttle(self._find_time, _ESTIMATE_MS, self, debounce=True)
        draft.changed.connect(self._update)

    def enter(self) -> None:
        """Called when the step is shown. The forms are made by now, or they are made now."""
        self._ensure_forms()
        self._read_model()
        self._find_time()

    def prepare(self) -> bool:
        """Make a part of the forms, before the step is first shown; returns whether there is more to make."""
        if self._forms:
            return False
        if self._building is None or self._method != self._draft.run.method:
            self._building = self._build_forms()
        return next(self._building, _DONE) is not _DONE

    def _ensure_forms(self) -> None:
        while self.prepare():
            pass

    def _read_model(self) -> None:
        """Read whether the model's own weights are quantized: that rules out some choices."""
        if self._reading_model:
            self._reading_model.cancel()
        model = self._draft.run.model

        def work() -> str:
            folder = find_model(model.path, model.revision)
            return read_model_facts(folder).quantized if folder else ""

        self._reading_model = Task(self, work, self._show_packing, lambda _: self._show_packing(""))

    def _show_packing(self, model_packing: str) -> None:
        self._model_packing = model_packing
        self._show_run("")
        self._estimate_memory()

    def _find_time(self) -> None:
        """Look for what was measured of runs like the draft."""
        if self._finding_time:
            self._finding_time.cancel()
        run = self._draft.run
        self._finding_time = Task(self, lambda: self._times.find(run), done=self._show_time)

    def _show_time(self, time: StepTime | None) -> None:
        """Say how long the run and each preset would take, or when that will be known."""
        self._time, run = time, self._draft.run
        self.simple.show_run(run, time)
        for preset in PRESETS:
            detail = tr("Time known after the check")
            if time is not None:
                words = format_duration(time.seconds(preset.apply(run)))
                detail = tr("At most about {time}", time=words) if preset.early_stop else tr("About {time}", time=words)
            self.presets.cards[preset.key].set_detail(detail)

    def _estimate_memory(self) -> None:
        """Show below each card how much memory the run would take with that choice."""
        run = self._draft.run
        runs = {(key, choice): run.replace(key, choice) for key, cards in CHOICES.items() for choice in cards}
        if self._estimating:
            self._estimating.cancel()
        self._estimating = Task(self, lambda: memory_fit.estimate_memory(runs), done=self.choices.show_memory)

    def blocked_reason(self) -> str:
        """The reason why the run cannot be trained with these settings, or ""."""
        return use_labels(next(iter(self._refused.values()), "") or self._draft.problem(), self._draft.run.method)

    @property
    def forms(self) -> list[Form]:
        """The simple and the advanced form of the chosen method."""
        self._ensure_forms()
        return self._forms

    @functools.cached_property
    def rewards(self) -> RewardsTab:
        """The tab of a method that scores answers."""
        tab = RewardsTab(self._draft, self._jobs)
        tab.changed.connect(self._set_option)
        tab.refused.connect(self._refuse)
        layout = self._rewards.layout()
        assert layout is not None
        layout.addWidget(tab)
        return tab

    def _make_advanced_page(self) -> QWidget:
        page = QWidget()
        layout = vbox(page, gap=theme.GRID)
        self.search.setClearButtonEnabled(True)
        layout.addLayout(column(self.search))
        layout.addWidget(self._advanced, 1)
        return page

    def _build_forms(self) -> Iterator[None]:
        """Make the forms anew, as another method has other options; in parts that take no longer than a blink."""
        self._method = self._draft.run.method
        self._refused = {}
        options = [(k, o) for k, o in list_options(self._method) if k not in (*EARLIER_STEP_KEYS, *PERMISSIONS)]
        simple = Form([(k, o) for k, o in options if o.basic and k not in CARD_KEYS], headings=False)
        yield
        advanced = Form([])
        for start in range(0, len(options), _LINES_A_TURN):
            advanced.add(options[start : start + _LINES_A_TURN])
            yield
        for old_form in self._forms:
            old_form.hide()  # it is deleted only once the waiting events have been handled
            old_form.deleteLater()
        self._forms = [simple, advanced]
        for form, layout in ((simple, self._more_layout), (advanced, self._advanced.content_layout)):
            layout.addWidget(form)
            form.changed.connect(self._set_option)
            form.refused.connect(self._refuse)
        self.search.textChanged.connect(advanced.search)
        self._show_run("")

    def _set_option(self, key: str, value: object) -> None:
        self._refused.pop(key, None)
        try:
            self._draft.set(key, value)
        except BadOption as error:
            self._refuse(key, tr(str(error)))
        self._warn()

    def _set_simple(self, key: str, value: object) -> None:
        self._set_option(key, value)
        for form in self._forms:
            form.show_key(self._draft.run, key)

    def _refuse(self, key: str, sentence: str) -> None:
        if sentence:
            self._refused[key] = sentence
        else:
            self._refused.pop(key, None)
        self._warn()

    def _apply_preset(self, key: str) -> None:
        preset = next(p for p in PRESETS if p.key == key)
        for option, value in preset.values(self._draft.run).items():
            self._refused.pop(option, None)
            self._draft.set(option, value)
            for form in self._forms:
                form.show_key(self._draft.run, option)

    def _update(self, key: str) -> None:
        if self._forms and self._draft.run.method != self._method:
            for _ in self._build_forms():
                pass
        self._show_run(key)
        if key.startswith(_MEMORY_SECTIONS) and self.isVisible():
            self._estimate_soon()
        if key not in simple_settings.KEYS and self.isVisible():
            self._find_time_soon()

    def _show_run(self, key: str) -> None:
        """Show the draft after a change of one option, or of all where `key` is ""."""
        for form in self._forms:
            if key:
                form.show_key(self._draft.run, key)
            else:
                form.show_run(self._draft.run)
        has_rewards = scores_answers(self._draft.run)
        self.tabs.set_visible(self._rewards, has_rewards)
        if has_rewards:
            self.rewards.show_run(self._draft.run)
        reasons = find_reasons(self._draft.run, self._model_packing)
        self.choices.show_run(self._draft.run, reasons)
        self._show_time(self._time if self._time and self._time.suits(self._draft.run) else None)
        origin = self._draft.origin
        for form in self._forms:
            form.disable_choices(reasons)
            form.show_origin(self._draft.run, origin.run if origin else None)
        self.presets.choose(next((preset.key for preset in PRESETS if preset.matches(self._draft.run)), ""))
        self._warn()
        self._update_text()

    def _warn(self) -> None:
        """Tell the reason why the settings cannot be used, or that there is none. It stands in the foot of the page."""
        self.problem_changed.emit(self.blocked_reason())


def scores_answers(run: Run) -> bool:
    """Whether the run's method scores answers by rewards."""
    return any(o.name == "rewards" for o in describe(type(run.options)))
