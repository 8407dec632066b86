"""Step 5: checks of the whole run, which start by themselves, and the button that starts training."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.new_run.draft import Draft
from app.new_run.preflight import BAD, NOTE, TITLES, Check, run_checks
from app.runs.labels import data_label, model_label
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import primary_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import IconLabel, Label, caption, title
from app.widgets.scroll_page import ScrollPage
from core.quant.modes import MODES
from core.run import Run

_ICONS = {"good": "ok", "warn": "warn", "bad": "bad"}
_STATES = {"good": "In order", "warn": "Note", "bad": "Problem"}


class CheckRow(QWidget):
    """One check: waiting, then its answer. `go(step)` when the person wants to change what it complains about."""

    go = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._step = ""
        layout = hbox(self, gap=12)
        layout.setContentsMargins(16, 9, 12, 9)
        self._glyph = IconLabel("wait", "secondary", 20)
        name_label = Label(name, bold=True, wrap=False)
        name_label.setFixedWidth(124)
        self.sentence = Label("…", tone="secondary")
        self.change = quiet_button("Change")
        self.change.setAccessibleName(f"Change: {name}")
        self.change.clicked.connect(lambda: self.go.emit(self._step))
        self.change.hide()
        layout.addWidget(self._glyph)
        layout.addWidget(name_label)
        layout.addWidget(self.sentence, 1)
        layout.addWidget(self.change, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_waiting(self) -> None:
        """Show that the check is not done yet."""
        self._glyph.show_icon("wait", "secondary")
        self.sentence.setText("…")
        self.change.hide()

    def show_answer(self, check: Check) -> None:
        """Show what the check found."""
        self._step = check.step
        self._glyph.show_icon(_ICONS[check.state], check.state)
        self.sentence.setText(check.sentence)
        self.sentence.setAccessibleName(f"{_STATES[check.state]}: {check.sentence}")
        self.change.setVisible(check.state != "good" and bool(check.step))


def summarize_run(run: Run) -> str:
    """The run in a sentence: method, adapter, precision of the base, model and data."""
    kind, mode = run.adapter.type, run.model.quantization
    adapter = "all weights" if kind == "full" else f"{'DoRA' if kind == 'dora' else 'LoRA'} of rank {run.adapter.rank}"
    base = f" over a {MODES[mode].title} base" if mode in MODES else ""
    return f"{run.spec.title} with {adapter}{base}: {model_label(run)} learns from {data_label(run)}."


class CheckStep(QWidget):
    """The checks of the draft; `start(run)` when none forbids it and the person presses Start."""

    name = "Check and start"
    start = Signal(object)
    go = Signal(str)

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._task: Task | None = None
        self._checked_run: Run | None = None
        self.answers: dict[str, Check] = {}
        scroll = ScrollPage()
        vbox(self).addWidget(scroll)
        page = scroll.content_layout
        page.addWidget(title("Ready to start?"))
        self.summary = Label()
        page.addWidget(self.summary)
        page.addSpacing(theme.GRID)
        card = Card()
        inner = vbox(card, gap=0)
        inner.setContentsMargins(0, 6, 0, 6)
        self.rows = {name: CheckRow(name) for name in TITLES}
        for check_row in self.rows.values():
            check_row.go.connect(self.go)
            inner.addWidget(check_row)
        page.addWidget(card)
        page.addSpacing(theme.GRID)
        foot = hbox(gap=12)
        self.start_button = primary_button("Start training", "play")
        self.start_button.setMinimumSize(160, 38)
        self.start_button.clicked.connect(self.try_start)
        self.verdict = caption()
        foot.addWidget(self.start_button)
        foot.addWidget(self.verdict, 1)
        page.addLayout(foot)
        page.addStretch()
        self._update_verdict()

    def enter(self) -> None:
        """Check the draft, unless this very draft was checked before."""
        run = self._draft.run
        if run == self._checked_run and len(self.answers) == len(TITLES):
            return
        if self._task:
            self._task.cancel()
        self._checked_run, self.answers = run, {}
        self.summary.setText(summarize_run(run))
        for check_row in self.rows.values():
            check_row.show_waiting()
        self._update_verdict()
        self._task = Task(self, lambda: run_checks(run), progress=self._show_answer)

    def blocked_reason(self) -> str:
        """The reason why the run cannot start, or ""."""
        for check in self.answers.values():
            if check.state == BAD:
                return check.sentence
        return "" if len(self.answers) == len(TITLES) else "Still checking…"

    def try_start(self) -> None:
        """Start, unless a check forbids it."""
        if not self.blocked_reason():
            self.start.emit(self._draft.run)

    def forget_answers(self) -> None:
        """Check again when the step is next shown: something outside the draft has changed."""
        self._checked_run = None

    def _show_answer(self, check: Check) -> None:
        self.answers[check.title] = check
        self.rows[check.title].show_answer(check)
        self._update_verdict()

    def _update_verdict(self) -> None:
        reason = self.blocked_reason()
        self.start_button.setEnabled(not reason)
        notes = sum(c.state == NOTE for c in self.answers.values())
        if reason and reason != "Still checking…":
            self.verdict.setText("One thing must be put right first; the line above says which and how.")
        elif reason:
            self.verdict.setText(reason)
        elif notes:
            self.verdict.setText(f"{notes} note{'' if notes == 1 else 's'} to read; you can start anyway.")
        else:
            self.verdict.setText("Everything is in order.")
