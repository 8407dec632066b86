"""Step 4: how it is trained. Three presets, a simple form, an advanced one, and the same as text."""

import functools

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.new_run import command, memory_fit
from app.new_run.disabled_reasons import in_words, reasons
from app.new_run.draft import Draft
from app.new_run.form import Form
from app.new_run.model_facts import facts
from app.new_run.presets import PRESETS
from app.new_run.rewards_tab import NAMES, THINKING, RewardsPage
from app.new_run.training_choices import KEYS, Kinds
from app.runs.job_queue import Jobs
from app.style import theme
from app.threads.core_calls import find_model
from app.threads.task import Task
from app.threads.throttle import Throttle
from app.widgets.card import Card, column, row
from app.widgets.choice_card import Choice, Choices
from app.widgets.copy_button import CopyButton
from app.widgets.labels import heading, title
from app.widgets.line_edit import Entry
from app.widgets.notice import Notice
from app.widgets.scroll_page import Scroll
from app.widgets.scrollbar import thin
from app.widgets.tabs import Tabs
from core.errors import BadOption
from core.options import describe
from core.run import Run, list_options

ELSEWHERE = ("method", "model.path", "data.path")  # chosen in the steps before
AS_CARDS = (*KEYS, NAMES, THINKING)  # shown in plainer ways than as lines of the simple form
_MEASURE_MS = 400  # after the last change
_MEMORY = ("model.", "adapter.", "train.", "data.", "options.")  # the options that memory depends on


class SettingsPage(QWidget):
    """Every widget changes one option of the draft."""

    name = "Settings"

    def __init__(self, draft: Draft, jobs: Jobs | None = None) -> None:
        super().__init__()
        self._draft = draft
        self._refused: dict[str, str] = {}
        self._forms: list[Form] = []
        self._method = ""
        self._comes_packed = ""  # how the model's own weights are packed
        self._looking: Task | None = None
        self._fitting: Task | None = None
        layout = column(self, theme.MARGIN, theme.GRID)
        layout.addWidget(title("How should it be trained?"))
        self.presets = Choices(columns=3)
        self.presets.setAccessibleName("Presets")
        for preset in PRESETS:
            self.presets.add(Choice(preset.key, preset.name, "", preset.words))
        self.presets.chosen.connect(self._preset)
        layout.addWidget(self.presets)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self.tabs = Tabs("Kinds of settings")
        layout.addWidget(self.tabs, 1)
        self._simple = Scroll(margin=0)
        self.kinds = Kinds()
        self.kinds.changed.connect(self._edited)
        self._simple.column.addWidget(self.kinds)
        self._advanced = Scroll(margin=0)
        self.search = Entry("Search all settings", "Search all settings")
        self.tabs.add("Simple", self._simple)
        self._jobs, self._rewards = jobs, QWidget()  # filled when it is first wanted
        column(self._rewards)
        self.tabs.add("Rewards", self._rewards)
        self.tabs.add("Advanced", self._advanced_page())
        self.tabs.add("Command and run.toml", self._text_page())
        self._write = Throttle(self._show_text, 100, self)
        self._remeasure = Throttle(self._measure, _MEASURE_MS, self, settle=True)
        draft.changed.connect(self._changed)

    def enter(self) -> None:
        """Called when the step is shown. The forms are made now: the window does not wait for them."""
        self._make()
        self._look()

    def _make(self) -> None:
        if not self._forms:
            self._build()

    def _look(self) -> None:
        """See whether the model comes packed: that rules out some choices."""
        if self._looking:
            self._looking.drop()
        model = self._draft.run.model

        def work() -> str:
            folder = find_model(model.path, model.revision)
            return facts(folder).quantized if folder else ""

        self._looking = Task(self, work, done=self._found, failed=lambda _: self._found(""))

    def _found(self, comes_packed: str) -> None:
        self._comes_packed = comes_packed
        self._show("")
        self._measure()

    def _measure(self) -> None:
        """Say below each card how much memory the run would take with it."""
        run = self._draft.run
        runs = {(key, choice): run.replace(key, choice) for key, cards in KEYS.items() for choice in cards}
        if self._fitting:
            self._fitting.drop()
        self._fitting = Task(self, lambda: memory_fit.fits(runs), done=self.kinds.show_memory)

    def blocked(self) -> str:
        return in_words(next(iter(self._refused.values()), "") or self._draft.problem(), self._draft.run.method)

    @property
    def forms(self) -> list[Form]:
        """The simple and the advanced form of the method that is chosen."""
        self._make()
        return self._forms

    @functools.cached_property
    def rewards(self) -> RewardsPage:
        """The tab of a method that scores answers."""
        made = RewardsPage(self._draft, self._jobs)
        made.changed.connect(self._edited)
        made.refused.connect(self._refuse)
        layout = self._rewards.layout()
        assert layout is not None
        layout.addWidget(made)
        return made

    def _advanced_page(self) -> QWidget:
        page = QWidget()
        layout = column(page, gap=theme.GRID)
        self.search.setClearButtonEnabled(True)
        layout.addWidget(self.search)
        layout.addWidget(self._advanced, 1)
        return page

    def _text_page(self) -> QWidget:
        page = QWidget()
        layout = row(page, gap=theme.GRID * 2)
        self.command, first = _text("The same run on the command line", "Copy the command")
        self.toml, second = _text("run.toml", "Copy run.toml")
        layout.addWidget(first, 1)
        layout.addWidget(second, 1)
        return page

    def _build(self) -> None:
        """Make the forms anew: another method has other options."""
        self._method = self._draft.run.method
        self._refused = {}
        options = [(k, o) for k, o in list_options(self._method) if k not in ELSEWHERE]
        simple = Form([(k, o) for k, o in options if o.basic and k not in AS_CARDS], headings=False)
        advanced = Form(options)
        for old in self._forms:
            old.hide()  # it goes only once the events have been handled
            old.deleteLater()
        self._forms = [simple, advanced]
        for form, place in ((simple, self._simple), (advanced, self._advanced)):
            place.column.addWidget(form)
            form.changed.connect(self._edited)
            form.refused.connect(self._refuse)
        self.search.textChanged.connect(advanced.search)
        self._show("")

    def _edited(self, key: str, value: object) -> None:
        self._refused.pop(key, None)
        try:
            self._draft.set(key, value)
        except BadOption as error:
            self._refuse(key, str(error))
        self._warn()

    def _refuse(self, key: str, sentence: str) -> None:
        if sentence:
            self._refused[key] = sentence
        else:
            self._refused.pop(key, None)
        self._warn()

    def _preset(self, key: str) -> None:
        preset = next(p for p in PRESETS if p.key == key)
        for option, value in preset.values(self._draft.run).items():
            self._refused.pop(option, None)
            self._draft.set(option, value)

    def _changed(self, key: str) -> None:
        if self._forms and self._draft.run.method != self._method:
            self._build()
        self._show(key)
        if key.startswith(_MEMORY) and self.isVisible():
            self._remeasure()

    def _show(self, key: str) -> None:
        for form in self._forms:
            if key:
                form.show_key(self._draft.run, key)
            else:
                form.show_run(self._draft.run)
        scored = scores(self._draft.run)
        self.tabs.set_visible(self._rewards, scored)
        if scored:
            self.rewards.show_run(self._draft.run)
        why = reasons(self._draft.run, self._comes_packed)
        self.kinds.show_run(self._draft.run, why)
        for form in self._forms:
            form.refuse(why)
        fitting = [p.key for p in PRESETS if p.fits(self._draft.run)]
        self.presets.choose(fitting[0] if fitting else "")
        self._warn()
        self._write()

    def _warn(self) -> None:
        sentence = self.blocked()
        if sentence:
            self.notice.say(sentence, "Change one of them, or reset it.", "warn")
        else:
            self.notice.hide()

    def _show_text(self) -> None:
        self.command.setPlainText(command.command(self._draft.run))
        self.toml.setPlainText(command.toml(self._draft.run))


def scores(run: Run) -> bool:
    """Whether the run's method scores answers by rewards."""
    return any(o.name == "rewards" for o in describe(type(run.options)))


def _text(name: str, copy: str) -> tuple[QPlainTextEdit, QWidget]:
    """A read-only text with a heading and a button that copies it."""
    page = QWidget()
    layout = column(page, gap=theme.GRID)
    text = QPlainTextEdit(readOnly=True)
    text.setFont(theme.monospace())
    text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
    text.setAccessibleName(name)
    thin(text)
    text.setTabChangesFocus(True)
    head = row(gap=8)
    head.addWidget(heading(name), 1)
    head.addWidget(CopyButton(copy, text.toPlainText))
    layout.addLayout(head)
    card = Card()
    inner = column(card)
    inner.setContentsMargins(8, 8, 4, 8)
    inner.addWidget(text)
    layout.addWidget(card, 1)
    return text, page
