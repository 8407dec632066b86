"""A run: live while it trains, and later from its folder. Header, charts, samples, log and result."""

import time
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.pages.log import LogPage
from app.pages.result import ResultPage
from app.pages.rollouts import GroupsPage
from app.plots.panel import Charts
from app.runs import status_text
from app.runs.job_queue import Jobs, LiveRun
from app.runs.labels import shown_data, shown_model
from app.runs.record import Record
from app.style import theme
from app.widgets.answers import Answers
from app.widgets.badge import Badge
from app.widgets.buttons import plain
from app.widgets.card import column, row
from app.widgets.labels import Elided, Text
from app.widgets.notice import Notice
from app.widgets.progress_bar import ThinBar
from app.widgets.scroll_page import Scroll
from app.widgets.tabs import Tabs
from core.run import Run

_DRAW_MS = 150  # six to seven pictures a second, and none while hidden
ADVICE = "Nothing you set is lost. Put it right in New run, and start again."


class RunPage(QWidget):
    """`again(run)` to change something and train anew, `resume(folder)` to go on with a run that was stopped."""

    again = Signal(object)
    resume = Signal(object)

    def __init__(self, run: Run, record: Record, folder: Path, jobs: Jobs, live: LiveRun | None = None) -> None:
        super().__init__()
        self.run, self.record, self.folder = run, record, folder
        self._jobs, self.live = jobs, live
        self._dirty = True
        self._ended = False
        layout = column(self, theme.MARGIN, theme.GRID)
        layout.addLayout(self._head())
        layout.addLayout(self._facts())
        layout.addLayout(self._numbers())
        self.bar = ThinBar("Progress of the run")
        layout.addWidget(self.bar)
        self.sentence = Text(tone="secondary")
        layout.addWidget(self.sentence)
        self.notice = Notice()
        self._fix = plain("Back to New run", "settings")
        self._fix.clicked.connect(lambda: self.again.emit(self.run))
        self.notice.add_action(self._fix)
        layout.addWidget(self.notice)
        self.tabs = Tabs("Views of the run")
        self.result, self.charts, self.log = ResultPage(jobs), Charts(), LogPage()
        self.samples = Answers()
        self.tabs.add("Result", self.result)
        self.tabs.add("Charts", self.charts)
        self._samples_page = self.tabs.add("Samples", _scrolled(self.samples))
        self.groups = GroupsPage()
        self.groups.use(folder)
        self.tabs.add("Answers", self.groups)
        self.tabs.set_visible(self.groups, run.spec.on_policy)
        self.tabs.add("Log", self.log)
        layout.addWidget(self.tabs, 1)
        self.result.again.connect(lambda: self.again.emit(self.run))
        self._timer = QTimer(self, interval=_DRAW_MS)
        self._timer.timeout.connect(self._tick)
        self.tabs.bar.currentChanged.connect(lambda: self._draw())
        if live is not None:
            live.changed.connect(self._mark)
            live.ended.connect(self._end)
            self.tabs.set_visible(self.result, False)
            self.tabs.show_page(self.charts)
            self._draw()
        else:
            self._end()

    @property
    def name(self) -> str:
        """The run in a few words."""
        return f"{shown_model(self.run)} learns from {shown_data(self.run)}"

    def _head(self) -> QHBoxLayout:
        head = row(gap=8)
        head.addWidget(Elided(self.name, "title", bold=True), 1)
        self.checkpoint, self.stop = plain("Checkpoint now", "save"), plain("Stop and keep", "stop")
        self.resume_button = plain("Go on with it", "play")
        self.checkpoint.clicked.connect(self.save_now)
        self.stop.clicked.connect(self.stop_and_keep)
        self.resume_button.clicked.connect(lambda: self.resume.emit(self.folder))
        for button in (self.checkpoint, self.stop, self.resume_button):
            head.addWidget(button)
        return head

    def _facts(self) -> QHBoxLayout:
        line = row(gap=8)
        line.addWidget(Elided(f"{self.run.spec.title} · {self.folder.name}", "caption", tone="secondary"), 1)
        self.badge = Badge()
        self.badge.setMaximumHeight(26)
        line.addWidget(self.badge)
        return line

    def _numbers(self) -> QHBoxLayout:
        line = row(gap=20)
        self.phase = Text(bold=True, wrap=False)
        self.steps = Text(figures=True, wrap=False)
        self.times = Text(figures=True, wrap=False)
        self.tokens = Text(figures=True, wrap=False, tone="secondary")
        for part in (self.phase, self.steps, self.times):
            line.addWidget(part)
        line.addStretch()
        line.addWidget(self.tokens)
        return line

    def stop_and_keep(self) -> None:
        """Finish the step, save, keep; a run that still waits leaves the queue."""
        if self.live is None:
            return
        if self.live.waiting:
            self._jobs.cancel(self.live)
            self._end()
        elif self.live.running:
            self.live.stop()
            self._draw()

    def save_now(self) -> None:
        """Write a checkpoint after the present step."""
        if self.live is not None and self.live.running:
            self.live.save_now()
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._ended:
            self._timer.start()
        self._draw()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _mark(self) -> None:
        self._dirty = True

    def _tick(self) -> None:
        if self._dirty:
            self._draw(next_only=True)
        else:
            self._show_times()

    def _end(self) -> None:
        """The run is over: say how it ended, and stop drawing."""
        self._ended = True
        self._timer.stop()
        over = self.record.finished is not None and not self.record.problem
        self.tabs.set_visible(self.result, over)
        if over:
            self.result.show_result(self.run, self.record, self.folder)
            self.tabs.show_page(self.result)
        else:
            self.tabs.show_page(self.charts)
        self._draw()

    def _draw(self, *, next_only: bool = False) -> None:
        self._dirty = False
        record = self.record
        waiting = self.live is not None and self.live.waiting
        stopping = self.live is not None and self.live.stopping and not self._ended
        self.phase.setText("Waiting for the run before it" if waiting else self._headline(stopping))
        self.steps.setText(status_text.progress(record))
        self.tokens.setText(status_text.tokens(record))
        self._show_times()
        self.bar.show_share(0.0 if waiting else self._share())
        self.bar.setVisible(not self._ended)
        self.sentence.setText(status_text.going(record))
        self.sentence.setVisible(not record.over)
        if record.started:
            self.badge.show_used(record.started.backend, record.started.precision)
        if record.problem:
            self.notice.say(record.problem, ADVICE)
        self._show_buttons(stopping)
        shown = self.tabs.stack.currentWidget()
        if shown is self.charts:
            if next_only:
                self.charts.show_next(record)
            else:
                self.charts.show_record(record)
        elif shown is self.log:
            self.log.show_record(record)
        elif shown is self._samples_page:
            self.samples.show_samples(record.samples)
        elif shown is self.groups:
            self.groups.look()

    def _headline(self, stopping: bool) -> str:
        if self._ended and not self.record.over:
            return "Interrupted"
        return "Stopping after this step, and saving" if stopping else status_text.headline(self.record)

    def _share(self) -> float | None:
        if self._ended and not self.record.over:
            return 0.0
        return self.record.fraction

    def _show_times(self) -> None:
        if self.record.began is not None and not (self._ended and not self.record.over):
            self.times.setText(status_text.times(self.record, time.time()))

    def _show_buttons(self, stopping: bool) -> None:
        live = self.live is not None and not self._ended
        self.checkpoint.setVisible(live)
        self.stop.setVisible(live)
        if self.live is not None and live:
            self.checkpoint.setEnabled(not self.live.saving and not stopping and self.record.last is not None)
            self.checkpoint.setText("Saving…" if self.live.saving else "Checkpoint now")
            self.stop.setEnabled(not stopping)
            self.stop.setText("Take out of the queue" if self.live.waiting else "Stop and keep")
        finished = self.record.finished
        ended = finished is None or finished.reason in ("stopped", "failed")
        self.resume_button.setVisible(self._ended and ended and (self.folder / "run.toml").is_file())


def _scrolled(inner: QWidget) -> Scroll:
    scroll = Scroll(margin=0)
    scroll.column.addWidget(inner)
    return scroll
