"""Step 5: checks of the whole run, which start by themselves, and the button that starts training."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr, tr_count
from app.new_run.check import BAD, GOOD, LATER, MEASURED, NOTE, TITLES, Check
from app.new_run.draft import Draft
from app.new_run.machines_row import MachinesRow
from app.new_run.measured_check import measure_run
from app.new_run.preflight import run_checks
from app.new_run.step_times import StepTimes
from app.runs.datasets import stamp_run
from app.runs.job_queue import JobQueue
from app.runs.labels import data_label, model_label
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import plain_button, primary_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.labels import IconLabel, Label, caption, title
from app.widgets.scroll_page import ScrollPage
from core.events import Phase
from core.quant.modes import MODES
from core.run import Run

# (icon, colour, what it says to who does not see it) by state.
_STATES = {
    GOOD: ("ok", "good", tr("In order")),
    NOTE: ("warn", "warn", tr("Note")),
    BAD: ("bad", "bad", tr("Problem")),
    LATER: ("wait", "secondary", tr("Not known yet")),
}


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
        name_label.setFixedWidth(_name_width())
        self.sentence = Label("…")
        self.change = plain_button("")
        self.change.setAccessibleName(tr("Change: {name}", name=name))
        self.change.clicked.connect(lambda: self.go.emit(self._step))
        self.change.hide()
        layout.addWidget(self._glyph)
        layout.addWidget(name_label)
        layout.addWidget(self.sentence, 1)
        layout.addWidget(self.change, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_waiting(self, words: str = "…") -> None:
        """Show that the check is not done yet, and what it is at."""
        self._glyph.show_icon("wait", "secondary")
        self.sentence.setText(words)
        self.change.hide()

    def show_answer(self, check: Check) -> None:
        """Show what the check found."""
        self._step = check.step
        icon, tone, state = _STATES[check.state]
        self._glyph.show_icon(icon, tone)
        self.sentence.setText(check.sentence)
        self.sentence.setAccessibleName(f"{state}: {check.sentence}")
        self.change.setText(check.fix_words)
        self.change.setAccessibleName(f"{check.title}: {check.fix_words}")
        self.change.setVisible(bool(check.fix_words))


def _name_width() -> int:
    """The pixels that the longest name of a check needs."""
    metrics = QFontMetrics(theme.font(bold=True))
    return max(metrics.horizontalAdvance(name) for name in TITLES.values()) + 4


def summarize_run(run: Run) -> str:
    """The run in a sentence: method, adapter, precision of the base, model and data."""
    kind, mode = run.adapter.type, run.model.quantization
    adapter = (
        tr("all weights")
        if kind == "full"
        else tr("{adapter} of rank {rank}", adapter="DoRA" if kind == "dora" else "LoRA", rank=run.adapter.rank)
    )
    base = tr(" over a {title} base", title=tr(MODES[mode].title)) if mode in MODES else ""
    return tr(
        "{title} with {adapter}{base}: {model_label} learns from {data_label}.",
        title=tr(run.spec.title),
        adapter=adapter,
        base=base,
        model_label=model_label(run),
        data_label=data_label(run),
    )


class CheckStep(QWidget):
    """The checks of the draft; `start(run)` when none forbids it and the person presses Start, `can_start` when none
    forbids it any more.

    The wizard shows `start_button` where Next stands in the other steps.
    """

    name = tr("Check and start")
    start = Signal(object)
    can_start = Signal()
    go = Signal(str)

    def __init__(self, draft: Draft, jobs: JobQueue | None = None, times: StepTimes | None = None) -> None:
        super().__init__()
        self._draft, self._jobs, self._times = draft, jobs, times
        self._task: Task | None = None
        self._draft.changed.connect(self._stop_measuring)
        if jobs is not None:
            jobs.current_changed.connect(self._update_verdict)
        self._checked_run: Run | None = None
        self._stamp: tuple[str, ...] = ()  # of its files
        self._has_changed = False  # a file, between the checks and the start
        self._is_wanted = False  # whether to start once everything is checked
        self.answers: dict[str, Check] = {}
        scroll = ScrollPage()
        vbox(self).addWidget(scroll)
        page = scroll.content_layout
        page.addWidget(title(tr("Ready to start?")))
        self.summary = Label()
        page.addWidget(self.summary)
        page.addSpacing(theme.GRID)
        card = Card()
        inner = vbox(card, gap=0)
        inner.setContentsMargins(0, 6, 0, 6)
        self.rows = {key: CheckRow(name) for key, name in TITLES.items()}
        for check_row in self.rows.values():
            check_row.go.connect(self.go)
            inner.addWidget(check_row)
        page.addWidget(card)
        self.machines = MachinesRow()
        page.addWidget(self.machines)
        page.addSpacing(theme.GRID)
        self.start_button = primary_button(tr("Start training"), "play")
        self.start_button.clicked.connect(self.try_start)
        self.verdict = caption()
        page.addWidget(self.verdict)
        self.again_button = plain_button(tr("Check again"), "reset")  # what is outside Hone may have been put right
        self.again_button.clicked.connect(self.enter)
        page.addWidget(self.again_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.wait_button = plain_button(tr("Do not start yet"))
        self.wait_button.clicked.connect(self._take_back)
        page.addWidget(self.wait_button, 0, Qt.AlignmentFlag.AlignLeft)
        page.addStretch()
        self._update_verdict()

    def enter(self) -> None:
        """Check the draft, unless this very draft was checked before, with the same files, and found in order."""
        run = self._draft.run
        stamp = stamp_run(run)
        self.machines.show_machines()
        if run == self._checked_run and stamp == self._stamp and self._is_checked and not self._is_bad:
            if MEASURED not in self.answers:
                self._measure()
            return
        if self._task:
            self._task.cancel()
        self._stop_measuring()  # of the draft as it was
        self._checked_run, self._stamp, self.answers, self._is_wanted = run, stamp, {}, False
        self._has_changed = False
        self.machines.show_step(None)
        self.summary.setText(summarize_run(run))
        for check_row in self.rows.values():
            check_row.show_waiting()
        self._update_verdict()
        self._task = Task(self, lambda: run_checks(run), done=lambda _: self._checked(), progress=self._show_answer)

    @property
    def _is_checked(self) -> bool:
        """Whether all that a start waits for is checked."""
        return not TITLES.keys() - self.answers.keys() - {MEASURED}

    @property
    def _is_bad(self) -> bool:
        """Whether something forbids the start."""
        return any(check.state == BAD for check in self.answers.values())

    def _checked(self) -> None:
        """Start where that was asked for meanwhile; else measure."""
        if self._is_wanted and self.isVisible():
            self.try_start()
        else:
            self._measure()
        self._is_wanted = False

    def _measure(self) -> None:
        """Have a few steps taken, unless the run cannot start or another one has the model."""
        run = self._checked_run
        if self._jobs is None or run is None or run != self._draft.run or self.blocked_reason():
            return
        words = self._jobs.measure(lambda stop: measure_run(run, stop), self._show_measuring)
        if words:
            self._show_answer(Check(MEASURED, LATER, words))

    def _stop_measuring(self) -> None:
        if self._jobs is not None:
            self._jobs.end_measuring()

    def _show_measuring(self, item: Phase | Check) -> None:
        if isinstance(item, Check):
            self._show_answer(item)
            self.machines.show_step(item.step_facts)
            if item.time is not None and self._times is not None:
                self._times.add(item.time)
        else:
            self.rows[MEASURED].show_waiting(f"{tr(item.name)}…")

    def blocked_reason(self) -> str:
        """The reason why the run cannot start, or ""."""
        for check in self.answers.values():
            if check.state == BAD:
                return check.sentence
        waiting = next((title for key, title in TITLES.items() if key not in (*self.answers, MEASURED)), "")
        return tr("Still checking: {title}…", title=waiting) if waiting else ""

    def try_start(self) -> None:
        """Start, unless a check forbids it: at once, or when the checks are done, where the step still shows then."""
        if not self.blocked_reason() and stamp_run(self._draft.run) != self._stamp:
            self._stop_measuring()
            self.enter()
            self._has_changed = True
            self._update_verdict()
        elif not self.blocked_reason():
            self.start.emit(self._draft.run)
        else:
            self._is_wanted = not self._is_checked
            self._update_verdict()

    def _take_back(self) -> None:
        """Do not start once everything is checked, after all."""
        self._is_wanted = False
        self._update_verdict()

    def show_machines(self) -> None:
        """Show the machines as the settings have them now."""
        self.machines.show_machines()

    def forget_answers(self) -> None:
        """Check again when the step is next shown: something outside the draft has changed."""
        self._checked_run = None

    def _show_answer(self, check: Check) -> None:
        self.answers[check.key] = check
        self.rows[check.key].show_answer(check)
        self._update_verdict()

    def _update_verdict(self) -> None:
        reason = self.blocked_reason()
        is_bad = self._is_bad
        could_start = self.start_button.isEnabled()
        disable(self.start_button, reason)
        if not reason and not could_start:
            self.can_start.emit()
        self.again_button.setVisible(is_bad and self._is_checked)
        self.wait_button.setVisible(self._is_wanted and bool(reason) and not is_bad)
        notes = sum(c.state == NOTE for c in self.answers.values())
        if is_bad:
            self.verdict.setText(tr("One thing must be put right first; the line above says which and how."))
        elif reason:
            words = tr("{reason} It starts when that is done.", reason=reason) if self._is_wanted else reason
            self.verdict.setText(words)
        elif self._jobs is not None and self._jobs.current is not None:
            self.verdict.setText(tr("Another run is training: this one waits until it is done."))
        elif notes:
            self.verdict.setText(
                tr_count(
                    "{count} note to read; you can start anyway.", "{count} notes to read; you can start anyway.", notes
                )
            )
        elif any(c.state == LATER for c in self.answers.values()):
            self.verdict.setText(tr("What can be checked now is in order; you can start."))
        elif MEASURED not in self.answers:
            self.verdict.setText(tr("In order so far; the time is being measured. You can start now."))
        else:
            self.verdict.setText(tr("Everything is in order."))
        if self._has_changed:
            words = tr("The data has changed since it was checked, so it is checked again.")
            self.verdict.setText(f"{words} {self.verdict.text()}")
