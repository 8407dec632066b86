"""The page of a run, live while it trains and later read from its folder: header, result, charts, samples, log."""

import time
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from app.pages.log import LogPage
from app.pages.result import ResultPage
from app.pages.rollouts import RolloutsPage
from app.plots.panel import ChartPanel
from app.runs import status_text
from app.runs.job_queue import JobQueue, LiveRun
from app.runs.labels import data_label, model_label
from app.runs.record import RunRecord
from app.style import theme
from app.widgets.answers import AnswerPairs
from app.widgets.badge import BackendBadge
from app.widgets.buttons import plain_button
from app.widgets.card import hbox, vbox
from app.widgets.labels import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.progress_bar import ThinProgressBar
from app.widgets.scroll_page import ScrollPage
from app.widgets.tabs import Tabs
from core.device.neural_engine import describe_use
from core.run import Run

_DRAW_MS = 150  # six to seven times a second, and never while hidden
_ENGINE_ADVICE = "Nothing is lost: the step was finished in MLX, and so are those after it."
_DAMAGE_ADVICE = "What can be read is shown."
_ADVICE = "Nothing you set is lost. Put it right in New run, and start again."


class RunPage(QWidget):
    """`train_again(run)` to change a setting and train anew, `resume(folder)` to resume a run that was stopped.

    `live` is the run where this window trains it, None for a run that is read from its folder.
    """

    train_again = Signal(object)
    resume = Signal(object)
    chat = Signal(object)

    def __init__(self, run: Run, record: RunRecord, folder: Path, jobs: JobQueue, live: LiveRun | None = None) -> None:
        super().__init__()
        self.run, self.record, self.folder = run, record, folder
        self._jobs, self.live = jobs, live
        self._has_changes = True  # events that are not drawn yet
        self._is_over = False
        layout = vbox(self, theme.MARGIN, theme.GRID)
        layout.addLayout(self._build_header())
        layout.addLayout(self._build_subtitle())
        layout.addLayout(self._build_numbers())
        self.bar = ThinProgressBar("Progress of the run")
        layout.addWidget(self.bar)
        self.engine = Label(tone="secondary", selectable=True)  # what the Neural Engine does in the run
        self.engine.hide()
        layout.addWidget(self.engine)
        self.sentence = Label()
        layout.addWidget(self.sentence)
        self.notice = Notice()
        self._fix_button = plain_button("Back to New run", "settings")
        self._fix_button.clicked.connect(lambda: self.train_again.emit(self.run))
        self.notice.add_action(self._fix_button)
        layout.addWidget(self.notice)
        self.tabs = Tabs("Views of the run")
        self.result, self.charts, self.log = ResultPage(jobs), ChartPanel(), LogPage()
        self.samples = AnswerPairs()
        self.tabs.add("Result", self.result)
        self.tabs.add("Charts", self.charts)
        self._samples_page = self.tabs.add("Samples", _scroll_page(self.samples))
        self.rollouts = RolloutsPage()
        self.rollouts.use(folder)
        self.tabs.add("Answers", self.rollouts)
        self.tabs.set_visible(self.rollouts, run.spec.on_policy)
        self.tabs.add("Log", self.log)
        layout.addWidget(self.tabs, 1)
        self.result.train_again.connect(lambda: self.train_again.emit(self.run))
        self.result.chat.connect(lambda: self.chat.emit(self.folder))
        self._timer = QTimer(self, interval=_DRAW_MS)
        self._timer.timeout.connect(self._tick)
        self.tabs.bar.currentChanged.connect(lambda: self._draw())
        if live is not None:
            live.changed.connect(self._mark_changed)
            live.finished.connect(self._show_end)
            self.tabs.set_visible(self.result, False)
            self.tabs.show_page(self.charts)
            self._draw()
        else:
            self._show_end()

    @property
    def title(self) -> str:
        """The model and the data of the run."""
        return f"{model_label(self.run)} learns from {data_label(self.run)}"

    @property
    def _is_interrupted(self) -> bool:
        """Whether the run ended without an event that says how, as after a crash."""
        return self._is_over and not self.record.is_over

    def _build_header(self) -> QHBoxLayout:
        header = hbox(gap=8)
        header.addWidget(ElidedLabel(self.title, "title", bold=True), 1)
        self.checkpoint_button, self.stop_button = (
            plain_button("Checkpoint now", "save"),
            plain_button("Stop and keep", "stop"),
        )
        self.resume_button = plain_button("Go on with it", "play")
        self.checkpoint_button.clicked.connect(self.save_now)
        self.stop_button.clicked.connect(self.stop_and_keep)
        self.resume_button.clicked.connect(lambda: self.resume.emit(self.folder))
        for button in (self.checkpoint_button, self.stop_button, self.resume_button):
            header.addWidget(button)
        return header

    def _build_subtitle(self) -> QHBoxLayout:
        layout = hbox(gap=8)
        layout.addWidget(ElidedLabel(f"{self.run.spec.title} · {self.folder.name}", "caption", tone="secondary"), 1)
        self.badge = BackendBadge()
        self.badge.setMaximumHeight(26)
        layout.addWidget(self.badge)
        return layout

    def _build_numbers(self) -> QHBoxLayout:
        layout = hbox(gap=20)
        self.phase = Label(bold=True, wrap=False)
        self.steps = Label(figures=True, wrap=False)
        self.times = Label(figures=True, wrap=False)
        self.tokens = Label(figures=True, wrap=False, tone="secondary")
        for part in (self.phase, self.steps, self.times):
            layout.addWidget(part)
        layout.addStretch()
        layout.addWidget(self.tokens)
        return layout

    def stop_and_keep(self) -> None:
        """Finish the step, save and keep the adapter, and asked again leave out what only tells how the run went.

        A run that still waits leaves the queue.
        """
        if self.live is None:
            return
        if self.live.is_waiting:
            self._jobs.cancel(self.live)
            self._show_end()
        elif self.live.is_running:
            self.tabs.bar.setFocus()  # a second press of the key is no second wish
            if self.live.is_stopping:
                self.live.skip_rest()
            else:
                self.live.stop()
            self._draw()

    def save_now(self) -> None:
        """Write a checkpoint after the present step."""
        if self.live is not None and self.live.is_running:
            self.live.save_now()
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._is_over:
            self._timer.start()
        if not self.isAncestorOf(QApplication.focusWidget() or self):
            self.tabs.bar.setFocus()  # never on a button that stops the run
        self._draw()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _mark_changed(self) -> None:
        self._has_changes = True

    def _tick(self) -> None:
        if self._has_changes:
            self._draw(next_chart_only=True)
        else:
            self._show_times()

    def _show_end(self) -> None:
        """Show how the run ended, and stop drawing."""
        self._is_over = True
        self._timer.stop()
        has_result = self.record.finished is not None and not self.record.problem
        self.tabs.set_visible(self.result, has_result)
        if has_result:
            self.result.show_result(self.run, self.record, self.folder)
            self.tabs.show_page(self.result)
        else:
            self.tabs.show_page(self.charts)
        self._draw()

    def _draw(self, *, next_chart_only: bool = False) -> None:
        self._has_changes = False
        record = self.record
        is_waiting = self.live is not None and self.live.is_waiting
        is_stopping = self.live is not None and self.live.is_stopping and not self._is_over
        self.phase.setText("Waiting for the run before it" if is_waiting else self._headline(is_stopping))
        self.steps.setText(status_text.progress(record))
        self.tokens.setText(status_text.tokens(record))
        self._show_times()
        self.bar.show_share(0.0 if is_waiting else self._share())
        self.bar.setVisible(not self._is_over)
        self.sentence.setText(self._describe_stop() if is_stopping else status_text.describe_progress(record))
        self.sentence.setVisible(not record.is_over and not self._is_over)
        if record.started:
            self.badge.show_choices(record.backend, record.started.precision)
        engine = "" if record.engine_off else describe_use(record.backend)
        self.engine.setText(engine)
        self.engine.setVisible(bool(engine))
        if record.problem:
            self.notice.show_message(record.problem, _ADVICE)
        elif record.damage:
            self.notice.show_message(f"This run is damaged. {record.damage}", _DAMAGE_ADVICE)
        elif record.engine_off:
            self.notice.show_message(record.engine_off, _ENGINE_ADVICE, "warn")
        self._fix_button.setVisible(bool(record.problem))
        self._update_buttons(is_stopping)
        self._draw_tab(next_chart_only)

    def _draw_tab(self, next_chart_only: bool) -> None:
        """Draw the tab that is shown; of the charts, with `next_chart_only`, the small ones a little later."""
        page, record = self.tabs.stack.currentWidget(), self.record
        if page is self.charts:
            if next_chart_only:
                self.charts.show_next(record)
            else:
                self.charts.show_record(record)
        elif page is self.log:
            self.log.show_record(record)
        elif page is self._samples_page:
            self.samples.show_samples(record.samples)
        elif page is self.rollouts:
            self.rollouts.refresh()

    def _headline(self, is_stopping: bool) -> str:
        if self._is_interrupted:
            return "Interrupted"
        headline = status_text.headline(self.record)
        return "Stopping after this step" if is_stopping and headline == "Training" else headline

    def _describe_stop(self) -> str:
        train = self.run.train
        validates = self.record.started is None or self.record.started.eval_rows > 0
        return status_text.describe_stop(self.record, validates, train.samples > 0)

    def _share(self) -> float | None:
        if self._is_interrupted:
            return 0.0
        return self.record.fraction

    def _show_times(self) -> None:
        if self.record.start_time is not None and not self._is_interrupted:
            self.times.setText(status_text.times(self.record, time.time()))

    def _update_buttons(self, is_stopping: bool) -> None:
        is_live = self.live is not None and not self._is_over
        self.checkpoint_button.setVisible(is_live)
        self.stop_button.setVisible(is_live)
        if self.live is not None and is_live:
            is_idle = not self.live.is_saving and not is_stopping
            can_save = is_idle and self.record.last_step is not None
            if not can_save and self.checkpoint_button.hasFocus():
                self.tabs.bar.setFocus()  # Qt would give it to the next button, which stops the run
            self.checkpoint_button.setEnabled(can_save)
            self.checkpoint_button.setText("Saving…" if self.live.is_saving else "Checkpoint now")
            self.stop_button.setEnabled(not self.live.is_skipping)
            words = "Skip the rest" if is_stopping else "Stop and keep"
            self.stop_button.setText("Take out of the queue" if self.live.is_waiting else words)
        finished = self.record.finished
        can_resume = finished is None or finished.reason in ("stopped", "failed")
        self.resume_button.setVisible(self._is_over and can_resume and (self.folder / "run.toml").is_file())


def _scroll_page(content: QWidget) -> ScrollPage:
    scroll = ScrollPage(margin=0)
    scroll.content_layout.addWidget(content)
    return scroll
