"""Step 5: a list of checks that runs by itself, and Start."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.new_run.draft import Draft
from app.new_run.preflight import BAD, NOTE, TITLES, Check, run_checks
from app.runs.labels import shown_data, shown_model
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import primary, quiet
from app.widgets.card import Card, column, row
from app.widgets.labels import Glyph, Text, caption, title
from app.widgets.scroll_page import Scroll
from core.quant.modes import MODES
from core.run import Run

_ICONS = {"good": "ok", "warn": "warn", "bad": "bad"}
_WORDS = {"good": "In order", "warn": "Note", "bad": "Problem"}


class CheckRow(QWidget):
    """One check: waiting, then its answer, with a way to where it can be put right."""

    go = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._step = ""
        layout = row(self, gap=12)
        layout.setContentsMargins(16, 9, 12, 9)
        self._glyph = Glyph("wait", "secondary", 20)
        self._name = Text(name, bold=True, wrap=False)
        self._name.setFixedWidth(124)
        self.words = Text("…", tone="secondary")
        self.change = quiet("Change")
        self.change.setAccessibleName(f"Change: {name}")
        self.change.clicked.connect(lambda: self.go.emit(self._step))
        self.change.hide()
        layout.addWidget(self._glyph)
        layout.addWidget(self._name)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.change, 0, Qt.AlignmentFlag.AlignVCenter)

    def wait(self) -> None:
        self._glyph.show_icon("wait", "secondary")
        self.words.setText("…")
        self.change.hide()

    def answer(self, check: Check) -> None:
        self._step = check.step
        self._glyph.show_icon(_ICONS[check.state], check.state)
        self.words.setText(check.sentence)
        self.words.setAccessibleName(f"{_WORDS[check.state]}: {check.sentence}")
        self.change.setVisible(check.state != "good" and bool(check.step))


def summarize_run(run: Run) -> str:
    """The run in a sentence."""
    kind, packed = run.adapter.type, run.model.quantization
    what = "all weights" if kind == "full" else f"{'DoRA' if kind == 'dora' else 'LoRA'} of rank {run.adapter.rank}"
    over = f" over a {MODES[packed].title} base" if packed in MODES else ""
    return f"{run.spec.title} with {what}{over}: {shown_model(run)} learns from {shown_data(run)}."


class CheckStep(QWidget):
    """`start(run)` when everything that must be in order is, and the person says so."""

    name = "Check and start"
    start = Signal(object)
    go = Signal(str)

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._task: Task | None = None
        self._checked: Run | None = None
        self.answers: dict[str, Check] = {}
        scroll = Scroll()
        column(self).addWidget(scroll)
        page = scroll.column
        page.addWidget(title("Ready to start?"))
        self.summary = Text()
        page.addWidget(self.summary)
        page.addSpacing(theme.GRID)
        card = Card()
        inner = column(card, gap=0)
        inner.setContentsMargins(0, 6, 0, 6)
        self.rows = {name: CheckRow(name) for name in TITLES}
        for line in self.rows.values():
            line.go.connect(self.go)
            inner.addWidget(line)
        page.addWidget(card)
        page.addSpacing(theme.GRID)
        foot = row(gap=12)
        self.start_button = primary("Start training", "play")
        self.start_button.setMinimumSize(160, 38)
        self.start_button.clicked.connect(self.try_start)
        self.verdict = caption()
        foot.addWidget(self.start_button)
        foot.addWidget(self.verdict, 1)
        page.addLayout(foot)
        page.addStretch()
        self._say()

    def enter(self) -> None:
        """Check the draft, unless it was just checked."""
        run = self._draft.run
        if run == self._checked and len(self.answers) == len(TITLES):
            return
        if self._task:
            self._task.drop()
        self._checked, self.answers = run, {}
        self.summary.setText(summarize_run(run))
        for line in self.rows.values():
            line.wait()
        self._say()
        self._task = Task(self, lambda: run_checks(run), progress=self._answered)

    def blocked_reason(self) -> str:
        """Why the run cannot start, or ""."""
        for check in self.answers.values():
            if check.state == BAD:
                return check.sentence
        return "" if len(self.answers) == len(TITLES) else "Still checking…"

    def try_start(self) -> None:
        """Start, if nothing stands in the way."""
        if not self.blocked_reason():
            self.start.emit(self._draft.run)

    def forget_answers(self) -> None:
        """Forget the answers: something outside the draft has changed."""
        self._checked = None

    def _answered(self, check: Check) -> None:
        self.answers[check.title] = check
        self.rows[check.title].answer(check)
        self._say()

    def _say(self) -> None:
        blocked = self.blocked_reason()
        self.start_button.setEnabled(not blocked)
        notes = sum(c.state == NOTE for c in self.answers.values())
        if blocked and blocked != "Still checking…":
            self.verdict.setText("One thing must be put right first; the line above says which and how.")
        elif blocked:
            self.verdict.setText(blocked)
        elif notes:
            self.verdict.setText(f"{notes} note{'' if notes == 1 else 's'} to read; you can start anyway.")
        else:
            self.verdict.setText("Everything is in order.")
