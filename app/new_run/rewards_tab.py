"""The Rewards tab of a method that scores answers: which rewards count, by how much, and a place to try them."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QWidget

from app.new_run.draft import Draft, value
from app.new_run.form import Form
from app.new_run.try_rewards import TryRewards
from app.runs.job_queue import Jobs
from app.style import theme
from app.widgets.card import Card, column, row
from app.widgets.labels import Text, caption, heading
from app.widgets.scroll_page import Scroll
from core.rewards import REWARDS
from core.run import Run, list_options

_HOW = (
    "Every answer gets the sum of these, each by its weight. The model does more of what scores above the other "
    "answers to the same question."
)
NAMES, THINKING = "options.rewards", "options.reasoning_rewards"
# What a reward needs to know, shown once it counts.
NEEDS = {
    "regex": ("options.reward_pattern",),
    "tags": ("options.reward_tags",),
    "length": ("options.reward_length",),
    "file": ("options.reward_file", "options.allow_reward_code", "options.reward_seconds"),
}


class RewardRow(QWidget):
    """One reward: whether it counts, what it checks, and its weight. `changed` after a change by hand."""

    changed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        reward = REWARDS[name]
        layout = row(self, gap=16)
        layout.setContentsMargins(16, 8, 16, 8)
        words = column(gap=2)
        self.box = QCheckBox(reward.title)
        needs = " Needs the right answer in the data." if reward.needs_expected else ""
        words.addWidget(self.box)
        about = caption(f"{reward.sentence}{needs}")
        about.setContentsMargins(24, 0, 0, 0)
        words.addWidget(about)
        layout.addLayout(words, 1)
        layout.addWidget(Text("weight", "caption", tone="secondary", wrap=False))
        self.weight = _Weight(f"Weight of {reward.title}")
        layout.addWidget(self.weight)
        self.box.clicked.connect(self.changed)
        self.weight.valueChanged.connect(lambda _: self.changed.emit())

    def show_weight(self, weight: float | None) -> None:
        """Its weight, None where it does not count."""
        for part in (self.box, self.weight):
            part.blockSignals(True)
        self.box.setChecked(weight is not None)
        if weight is not None:
            self.weight.setValue(weight)
        self.weight.setEnabled(weight is not None)
        for part in (self.box, self.weight):
            part.blockSignals(False)


class RewardsPage(Scroll):
    """`changed(key, value)` and `refused(key, sentence)`, as a form."""

    changed = Signal(str, object)
    refused = Signal(str, str)

    def __init__(self, draft: Draft, jobs: Jobs | None = None) -> None:
        super().__init__(margin=0)
        self._draft = draft
        self._form: Form | None = None
        self._thinking: Form | None = None
        self._method = ""
        page = self.column
        page.addWidget(heading("What a good answer scores"))
        page.addWidget(caption(_HOW))
        self._above = column(gap=theme.GRID)
        page.addLayout(self._above)
        self.card = Card()
        inner = column(self.card, gap=0)
        inner.setContentsMargins(0, 6, 0, 6)
        self.rows = {name: RewardRow(name) for name in REWARDS}
        for line in self.rows.values():
            line.changed.connect(self._edited)
            inner.addWidget(line)
        page.addWidget(self.card)
        self._below = column(gap=theme.GRID)
        page.addLayout(self._below)
        page.addSpacing(theme.GRID)
        self.trying = TryRewards(draft, jobs)
        page.addWidget(self.trying)
        page.addStretch()

    def show_run(self, run: Run) -> None:
        """Show a run whose method has rewards."""
        if run.method != self._method:
            self._build(run)
        assert self._form is not None and self._thinking is not None
        named = _read(value(run, NAMES))
        thinking = bool(value(run, THINKING))
        for name, line in self.rows.items():
            line.show_weight(named.get(name))
        self.card.setEnabled(not thinking)
        self._form.show_run(run)
        self._thinking.show_run(run)
        usual = {key: o.default for key, o in list_options(run.method)}
        for name, keys in NEEDS.items():
            for key in keys:
                used = name in named and not thinking
                self._form.lines[key].setVisible(used or value(run, key) != usual[key])
        self._form.setVisible(any(not line.isHidden() for line in self._form.lines.values()))

    def _build(self, run: Run) -> None:
        """The lines that another method words otherwise."""
        self._method = run.method
        options = dict(list_options(run.method))
        keys = [key for keys in NEEDS.values() for key in keys]
        old = [self._form, self._thinking]
        self._thinking = Form([(THINKING, options[THINKING])], headings=False)
        self._form = Form([(key, options[key]) for key in keys], headings=False)
        for form in old:
            if form is not None:
                form.hide()  # it goes only once the events have been handled
                form.deleteLater()
        self._above.addWidget(self._thinking)
        self._below.addWidget(self._form)
        for form in (self._thinking, self._form):
            form.changed.connect(self.changed)
            form.refused.connect(self.refused)

    def _edited(self) -> None:
        chosen = [(name, line.weight.value()) for name, line in self.rows.items() if line.box.isChecked()]
        if not chosen:  # without any there is nothing to learn from
            self.show_run(self._draft.run)
            return
        self.changed.emit(NAMES, tuple(f"{name}={weight:g}" for name, weight in chosen))


class _Weight(QDoubleSpinBox):
    """A weight; turns the page, not the value, under the mouse wheel."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setRange(-1000, 1000)
        self.setSingleStep(0.1)
        self.setDecimals(2)
        self.setValue(1.0)
        self.setMinimumHeight(28)
        self.setFixedWidth(88)
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


def _read(named: tuple[str, ...]) -> dict[str, float]:
    """{name: weight} of what can be read; the advanced form says what cannot."""
    found = {}
    for entry in named:
        name, _, number = entry.partition("=")
        try:
            found[name.strip()] = float(number) if number.strip() else 1.0
        except ValueError:
            continue
    return found
