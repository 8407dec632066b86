"""The tab Rewards of a method that scores answers: the rewards, their weights, and a place to try them."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.new_run.draft import Draft
from app.new_run.form import Form
from app.new_run.try_rewards import TryRewards
from app.runs.job_queue import JobQueue
from app.runs.settings_text import REWARDS_KEY, list_options
from app.style import theme
from app.widgets.card import Card, hbox, vbox
from app.widgets.check_box import CheckBox
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption, heading
from app.widgets.scroll_page import ScrollPage
from app.widgets.spin_box import DecimalSpinBox
from core.rewards import REWARDS
from core.run import Run
from core.run.flags import option_value

_EXPLANATION = tr(
    "Every answer gets the sum of these, each by its weight. "
    "The model does more of what scores above the other answers to the same question."
)
REASONING_KEY = "options.reasoning_rewards"
# The options that a reward needs, shown once the reward is chosen.
REWARD_OPTIONS = {
    "regex": ("options.reward_pattern",),
    "tags": ("options.reward_tags",),
    "length": ("options.reward_length",),
    "file": ("options.reward_file", "options.reward_seconds"),
}


class RewardRow(QWidget):
    """One reward: whether it is chosen, what it checks, and its weight. `changed` after a change by the person."""

    changed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        reward = REWARDS[name]
        layout = hbox(self, gap=16)
        layout.setContentsMargins(16, 8, 16, 8)
        words = vbox(gap=2)
        self.box = CheckBox(tr(reward.title))
        needs = tr(" Needs the right answer in the data.") if reward.needs_expected else ""
        words.addWidget(self.box)
        sentence = caption(f"{tr(reward.sentence)}{needs}")
        sentence.setContentsMargins(self.box.indent, 0, 0, 0)
        words.addWidget(sentence)
        layout.addLayout(words, 1)
        layout.addWidget(Label(tr("weight"), "caption", tone="secondary", wrap=False))
        self.weight = DecimalSpinBox(tr("Weight of {title}", title=tr(reward.title)), -1000, 1000, 0.1)
        self.weight.setValue(1.0)
        self.weight.setFixedWidth(88)
        layout.addWidget(self.weight)
        self.box.clicked.connect(self.changed)
        self.weight.valueChanged.connect(lambda _: self.changed.emit())

    def show_weight(self, weight: float | None) -> None:
        """Show the reward's weight; None where it is not chosen."""
        for part in (self.box, self.weight):
            part.blockSignals(True)
        self.box.setChecked(weight is not None)
        if weight is not None:
            self.weight.setValue(weight)
        disable(self.weight, tr("Choose this reward first.") if weight is None else "")
        for part in (self.box, self.weight):
            part.blockSignals(False)


class RewardsTab(ScrollPage):
    """The rewards of the draft. `changed(key, value)` and `refused(key, sentence)` as a Form has them."""

    changed = Signal(str, object)
    refused = Signal(str, str)

    def __init__(self, draft: Draft, jobs: JobQueue | None = None) -> None:
        super().__init__(in_tab=True)
        self._draft = draft
        self._form: Form | None = None  # the options that rewards need
        self._reasoning_form: Form | None = None  # the switch to rewards for reasoning, which replace the others
        self._method = ""
        page = self.content_layout
        page.addWidget(heading(tr("What a good answer scores")))
        page.addWidget(caption(_EXPLANATION))
        self._reasoning_layout = vbox(gap=theme.GRID)
        page.addLayout(self._reasoning_layout)
        self.card = Card()
        inner = vbox(self.card, gap=0)
        inner.setContentsMargins(0, 6, 0, 6)
        self.rows = {name: RewardRow(name) for name in REWARDS}
        for reward_row in self.rows.values():
            reward_row.changed.connect(self._emit_rewards)
            inner.addWidget(reward_row)
        page.addWidget(self.card)
        self._only_one = Label(tr("At least one reward is needed: choose another one first."), tone="warn")
        self._only_one.hide()
        page.addWidget(self._only_one)
        self._form_layout = vbox(gap=theme.GRID)
        page.addLayout(self._form_layout)
        page.addSpacing(theme.GRID)
        self.trying = TryRewards(draft, jobs)
        page.addWidget(self.trying)
        page.addStretch()

    def show_run(self, run: Run) -> None:
        """Show a run whose method has rewards."""
        if run.method != self._method:
            self._make_forms(run)
        assert self._form is not None and self._reasoning_form is not None
        weights = _parse_weights(option_value(run, REWARDS_KEY))
        reasoning = bool(option_value(run, REASONING_KEY))
        for name, reward_row in self.rows.items():
            reward_row.show_weight(weights.get(name))
        disable(self.card, tr("The rewards for reasoning take the place of these.") if reasoning else "")
        self._form.show_run(run)
        self._reasoning_form.show_run(run)
        defaults = {key: o.default for key, o in list_options(run.method)}
        for name, keys in REWARD_OPTIONS.items():
            for key in keys:
                is_needed = name in weights and not reasoning
                self._form.lines[key].setVisible(is_needed or option_value(run, key) != defaults[key])
        self._form.setVisible(any(not line.isHidden() for line in self._form.lines.values()))

    def _make_forms(self, run: Run) -> None:
        """Make the forms anew: another method may word these options in another way."""
        self._method = run.method
        options = dict(list_options(run.method))
        keys = [key for keys in REWARD_OPTIONS.values() for key in keys]
        old_forms = [self._form, self._reasoning_form]
        self._reasoning_form = Form([(REASONING_KEY, options[REASONING_KEY])], headings=False)
        self._form = Form([(key, options[key]) for key in keys], headings=False)
        for form in old_forms:
            if form is not None:
                form.hide()  # it is deleted only once the waiting events have been handled
                form.deleteLater()
        self._reasoning_layout.addWidget(self._reasoning_form)
        self._form_layout.addWidget(self._form)
        for form in (self._reasoning_form, self._form):
            form.changed.connect(self.changed)
            form.refused.connect(self.refused)

    def _emit_rewards(self) -> None:
        chosen = [(name, r.weight.value()) for name, r in self.rows.items() if r.box.isChecked()]
        self._only_one.setVisible(not chosen)
        if not chosen:  # without any there is nothing to learn from
            self.show_run(self._draft.run)
            return
        self.changed.emit(REWARDS_KEY, tuple(f"{name}={weight:g}" for name, weight in chosen))


def _parse_weights(entries: tuple[str, ...]) -> dict[str, float]:
    """{name: weight} of the entries that can be read; the advanced form says which cannot."""
    weights = {}
    for entry in entries:
        name, _, number = entry.partition("=")
        try:
            weights[name.strip()] = float(number) if number.strip() else 1.0
        except ValueError:
            continue
    return weights
