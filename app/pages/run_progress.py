"""How far a run is: its phase, steps, times and tokens, the bar, and what the Neural Engine and other machines do."""

import time

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.runs import status_text
from app.runs.ranks import describe_ranks
from app.runs.record import RunRecord
from app.runs.run_state import RunState
from app.style import theme
from app.widgets.card import hbox, vbox
from app.widgets.flow_layout import FlowLayout
from app.widgets.labels import Label
from app.widgets.progress_bar import ThinProgressBar
from core.device.neural_engine import describe_parts, describe_use


class RunProgress(QWidget):
    """A line of numbers, the bar, and a line each on the Neural Engine and on the machines that share the run."""

    def __init__(self) -> None:
        super().__init__()
        self.phase = Label(bold=True, wrap=False)
        self.steps = Label(figures=True, wrap=False)
        self.times = Label(figures=True, wrap=False)
        self.tokens = Label(figures=True, wrap=False, tone="secondary")
        self._numbers = FlowLayout(gap=20, line_gap=2)
        for part in (self.phase, self.steps, self.times):
            self._numbers.addWidget(part)
        numbers = hbox(gap=20)
        numbers.addLayout(self._numbers, 1)
        numbers.addWidget(self.tokens, 0, Qt.AlignmentFlag.AlignTop)
        self.bar = ThinProgressBar(tr("Progress of the run"))
        self.engine = Label(tone="secondary", selectable=True)  # what the Neural Engine does in the run
        self.ranks = Label(tone="secondary", selectable=True)  # the machines that share the run
        layout = vbox(self, gap=theme.GRID)
        layout.addLayout(numbers)
        for row in (self.bar, self.engine, self.ranks):
            layout.addWidget(row)
        self.engine.hide()
        self.ranks.hide()

    def show_state(self, state: RunState) -> None:
        record = state.record
        self.phase.setText(_headline(state))
        self.steps.setText(status_text.progress(record))
        self.tokens.setText(status_text.tokens(record))
        self.show_times(state)
        self._fit_tokens()
        self._numbers.activate()  # or else one picture shows new words in the place of the old ones
        self.bar.show_share(0.0 if state.is_waiting or state.is_interrupted else record.fraction)
        self.bar.setVisible(not state.is_over)
        _show_line(self.engine, _describe_engine(record))
        of_ranks = record.started.ranks if record.started else {}
        _show_line(self.ranks, describe_ranks(record.last_step.metrics, of_ranks) if record.last_step else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_tokens()

    def _fit_tokens(self) -> None:
        """The tokens may be left out where the other numbers need the line."""
        needed = self._numbers.sizeHint().width() + 20 + self.tokens.sizeHint().width()
        self.tokens.setVisible(needed <= self.width())

    def show_times(self, state: RunState) -> None:
        """Show the time that has passed and that is left; of a run that was interrupted, or waits to go on, neither is
        known."""
        self.times.setVisible(not state.is_waiting)
        if state.record.start_time is not None and not state.is_interrupted and not state.is_elsewhere:
            is_ending = state.is_stopping or state.is_pausing
            self.times.setText(status_text.times(state.record, time.time(), is_ending))


def _headline(state: RunState) -> str:
    if state.is_waiting:
        if state.active is not None and state.active.has_turn:
            return tr("Waiting for the check or the chat to end")
        return tr("Waiting for the run before it")
    if state.is_interrupted:
        return tr("Interrupted")
    if state.is_elsewhere:
        return tr("Training elsewhere")
    if state.record.is_training and state.is_pausing:
        return tr("Pausing after this step")
    if state.record.is_training and state.is_stopping:
        return tr("Stopping after this step")
    return status_text.headline(state.record)


def _describe_engine(record: RunRecord) -> str:
    """What the Neural Engine does in the run, "" where it does nothing."""
    engine = "" if record.engine_off else describe_use(record.backend)
    parts = [f"{tr(names)}: {tr(words)}" for names, words in describe_parts(record.backend)] if engine else []
    return "\n".join([tr(engine), *parts])


def _show_line(label: Label, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))
