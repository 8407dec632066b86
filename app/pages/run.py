"""The page of a run, live while it trains and later read from its folder: header, result, charts, samples, log."""

import time
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from app.desktop.language import tr
from app.pages.discard import END, TRASH, ask_to_discard
from app.pages.log import LogPage
from app.pages.pause_card import PauseCard
from app.pages.result import ResultPage
from app.pages.rollouts import RolloutsPage
from app.plots.panel import ChartPanel
from app.runs import health, status_text
from app.runs.job_queue import JobQueue, LiveRun
from app.runs.labels import data_label, model_label
from app.runs.ranks import describe_ranks
from app.runs.record import RunRecord
from app.style import theme
from app.threads import core_calls
from app.widgets.answer_timeline import AnswerTimeline
from app.widgets.badge import BackendBadge
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.health_strip import HealthStrip
from app.widgets.labels import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.progress_bar import ThinProgressBar
from app.widgets.scroll_page import ScrollPage
from app.widgets.tabs import Tabs
from core.device.neural_engine import describe_parts, describe_use
from core.run import Run
from core.run.folder import RUN

# The words of the button for what can be done.
_ACTIONS = {
    health.STOP: tr("Stop and keep the best"),
    health.LOWER: tr("Lower the learning rate…"),
    health.CHANGE: tr("Change the learning rate…"),
}
_COLLECTED_MS = 1500  # after the end of a run, its garbage is collected by then
_DRAW_MS = 150  # six to seven times a second, and never while hidden
_ENGINE_ADVICE = tr("Nothing is lost: the step was finished in MLX, and so are those after it.")
_DAMAGE_ADVICE = tr("What can be read is shown.")
_ADVICE = tr("Nothing you set is lost. Put it right in New run, and start again.")


class RunPage(QWidget):
    """`train_again(run)` to change a setting and train anew, `resume(folder, changes)` to go on with a run that pauses
    or was stopped, `end(folder)` to end one that pauses, `discarded(folder)` once it has ended, to throw it away.

    `live` is the run where this window trains it, None for a run that is read from its folder.
    """

    train_again = Signal(object)
    resume = Signal(object, object)
    end = Signal(object)
    discarded = Signal(object)
    chat = Signal(object)

    def __init__(
        self,
        run: Run,
        record: RunRecord,
        folder: Path,
        jobs: JobQueue,
        live: LiveRun | None = None,
        charts: ChartPanel | None = None,
        result: ResultPage | None = None,
    ) -> None:
        """`charts` and `result` are made already, or None."""
        super().__init__()
        self.run, self.record, self.folder = run, record, folder
        self._jobs, self.live = jobs, live
        self._has_changes = True  # events that are not drawn yet
        self._is_over = False
        self._suggests_lower = False  # a learning rate, once the run pauses
        self._goes_to_trash = False  # once the run has ended
        layout = vbox(self, theme.MARGIN, theme.GRID)
        layout.addLayout(self._build_header())
        layout.addLayout(self._build_controls())
        layout.addLayout(self._build_numbers())
        self.bar = ThinProgressBar(tr("Progress of the run"))
        layout.addWidget(self.bar)
        self.engine = Label(tone="secondary", selectable=True)  # what the Neural Engine does in the run
        self.engine.hide()
        layout.addWidget(self.engine)
        self.ranks = Label(tone="secondary", selectable=True)  # the machines that share the run
        self.ranks.hide()
        layout.addWidget(self.ranks)
        self.health = HealthStrip()
        self.health.action_clicked.connect(self._act)
        layout.addWidget(self.health)
        self.pause_card = PauseCard()
        self.pause_card.resume.connect(lambda changes: self.resume.emit(self.folder, changes))
        self.pause_card.end.connect(lambda: self.end.emit(self.folder))
        self.pause_card.discard.connect(self.discard)
        layout.addWidget(self.pause_card)
        self.notice = Notice()
        self._fix_button = plain_button(tr("Back to New run"), "settings")
        self._fix_button.clicked.connect(lambda: self.train_again.emit(self.run))
        self.notice.add_action(self._fix_button)
        layout.addWidget(self.notice)
        self.tabs = Tabs(tr("Views of the run"))
        self.result, self.charts, self.log = result or ResultPage(jobs), charts or ChartPanel(), LogPage()
        self.charts.use_folder(folder)
        self.samples = AnswerTimeline()
        self.tabs.add(tr("Result"), self.result)
        self.tabs.add(tr("Charts"), self.charts)
        self._samples_page = self.tabs.add(tr("Samples"), _scroll_page(self.samples))
        self.rollouts = RolloutsPage()
        self.rollouts.use(folder)
        self.tabs.add(tr("Answers"), self.rollouts)
        self.tabs.set_visible(self.rollouts, run.spec.on_policy)
        self.tabs.add(tr("Log"), self.log)
        layout.addWidget(self.tabs, 1)
        self.result.train_again.connect(lambda: self.train_again.emit(self.run))
        self.result.chat.connect(lambda: self.chat.emit(self.folder))
        self._timer = QTimer(self, interval=_DRAW_MS)
        self._timer.timeout.connect(self._tick)
        self.tabs.bar.currentChanged.connect(lambda: self._draw())
        if live is not None:
            self.tabs.show_page(self.charts)
            self.go_live(live)
        else:
            self._show_end()

    def show_use_it(self) -> None:
        """Show the list of places where the result can go."""
        if self.record.finished is not None and not self.record.problem:
            self.tabs.show_page(self.result)
            self.result.show_use_it()

    def go_live(self, live: LiveRun) -> None:
        """Show a run of this folder that this window trains from now on, in the tab that is open."""
        self.live, self.record, self._is_over = live, live.record, False
        live.changed.connect(self._mark_changed)
        live.finished.connect(self._show_end)
        self.tabs.set_visible(self.result, False)
        self.notice.hide()
        if self.isVisible():
            self._timer.start()
        self._draw()

    @property
    def title(self) -> str:
        """The model and the data of the run."""
        return tr("{model} learns from {data}", model=model_label(self.run), data=data_label(self.run))

    @property
    def _is_interrupted(self) -> bool:
        """Whether the run ended without an event that says how, as after a crash."""
        return self._is_over and not self.record.is_over and self.record.paused is None

    @property
    def _is_paused(self) -> bool:
        """Whether the run pauses, and nothing is about to change that."""
        is_waiting = self.live is not None and self.live.is_waiting
        return self._is_over and not is_waiting and self.record.paused is not None and not self.record.problem

    def _build_header(self) -> QHBoxLayout:
        header = hbox(gap=8)
        header.addWidget(ElidedLabel(self.title, "title", bold=True), 1)
        self.badge = BackendBadge()
        self.badge.setMaximumHeight(26)
        header.addWidget(self.badge)
        return header

    def _build_controls(self) -> QHBoxLayout:
        """What the run is called, and the buttons for it: the line below the title, which needs its own whole."""
        layout = hbox(gap=8)
        name = f"{tr(self.run.spec.title)} · {self.folder.name}"
        layout.addWidget(ElidedLabel(name, "caption", tone="secondary"), 1)
        self.checkpoint_button = plain_button(tr("Checkpoint now"), "save")
        self.pause_button = plain_button(tr("Pause"), "pause")
        self.stop_button = plain_button(tr("Stop and keep"), "stop")
        self.discard_button = quiet_button(tr("Discard…"))
        self.resume_button = plain_button(tr("Resume"), "play")
        self.checkpoint_button.clicked.connect(self.save_now)
        self.pause_button.clicked.connect(self.pause)
        self.stop_button.clicked.connect(self.stop_and_keep)
        self.discard_button.clicked.connect(self.discard)
        self.resume_button.clicked.connect(lambda: self.resume.emit(self.folder, {}))
        for button in (
            self.checkpoint_button,
            self.pause_button,
            self.stop_button,
            self.discard_button,
            self.resume_button,
        ):
            layout.addWidget(button)
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
            if self.live.is_stopping and self.live.has_started:
                self.live.skip_rest()
            else:
                self.live.stop()
            self._draw()

    def save_now(self) -> None:
        """Write a checkpoint after the present step."""
        if self.live is not None and self.live.is_running:
            self.live.save_now()
            self._draw()

    def pause(self) -> None:
        """Write a checkpoint after the present step, and give the memory back; the run can go on any time."""
        if self.live is not None and self._can_pause:
            self.live.pause()
            self._draw()

    def discard(self) -> None:
        """Ask whether to end the run and throw it away, or only to end it, and do that."""
        ask_to_discard(self, self.title, self._discard)

    def _discard(self, answer: str) -> None:
        is_running = self.live is not None and self.live.is_running
        self._goes_to_trash = answer == TRASH
        if answer and self.live is not None and is_running:
            self.live.skip_rest()
            self._draw()
        elif answer == END and self._is_paused:  # it may have ended while the question stood
            self.end.emit(self.folder)
        elif answer == TRASH:
            self._throw_away()

    def _throw_away(self) -> None:
        self._goes_to_trash = False
        self.discarded.emit(self.folder)

    @property
    def _can_pause(self) -> bool:
        """Whether there is anything left to pause: the run has begun, and does not end already."""
        live, started = self.live, self.record.started
        if live is None or started is None or not live.has_started or live.is_stopping or live.is_pausing:
            return False
        step = self.record.last_step.step if self.record.last_step else 0
        return not self._is_over and step < started.total_steps

    def _act(self, action: str) -> None:
        """Do what the health strip offers."""
        if action == health.STOP:
            self.stop_and_keep()
        else:
            self._suggests_lower = action == health.LOWER
            self.pause()

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
        elif not self._is_paused:
            self.tabs.show_page(self.charts)
        if self._is_paused:
            self._show_pause()
        self._draw()
        if self._goes_to_trash:
            self._throw_away()

    def _show_pause(self) -> None:
        """Show where the run pauses, with what the process holds once its garbage is collected."""
        is_live = self.live is not None
        held = core_calls.process_memory() if is_live else 0
        run = Run.read(self.folder / RUN)  # a pause before this one may have changed it
        self.pause_card.show_paused(run, self.record, held, suggests_lower=self._suggests_lower)
        if is_live:
            QTimer.singleShot(_COLLECTED_MS, self, self._show_held)
        field = self.pause_card.rate if self._suggests_lower else self.pause_card.resume_button
        field.setFocus()
        self._suggests_lower = False

    def _show_held(self) -> None:
        self.pause_card.show_memory(core_calls.process_memory())

    def _draw(self, *, next_chart_only: bool = False) -> None:
        self._has_changes = False
        record = self.record
        is_waiting = self.live is not None and self.live.is_waiting
        is_stopping = self.live is not None and self.live.is_stopping and not self._is_over
        is_pausing = self.live is not None and self.live.is_pausing and not self._is_over
        waiting = tr("Waiting for the run before it") if is_waiting else ""
        self.phase.setText(waiting or self._headline(is_stopping, is_pausing))
        self.steps.setText(status_text.progress(record))
        self.tokens.setText(status_text.tokens(record))
        self._show_times()
        self.bar.show_share(0.0 if is_waiting else self._share())
        self.bar.setVisible(not self._is_over)
        self._show_health(is_stopping, is_pausing)
        self.pause_card.setVisible(self._is_paused)
        if record.started:
            self.badge.show_choices(record.backend, record.started.precision)
        engine = "" if record.engine_off else describe_use(record.backend)
        parts = [f"{tr(names)}: {tr(words)}" for names, words in describe_parts(record.backend)] if engine else []
        self.engine.setText("\n".join([tr(engine), *parts]))
        self.engine.setVisible(bool(engine))
        of_ranks = record.started.ranks if record.started else {}
        ranks = describe_ranks(record.last_step.metrics, of_ranks) if record.last_step else ""
        self.ranks.setText(ranks)
        self.ranks.setVisible(bool(ranks))
        if record.problem:
            self.notice.show_message(record.problem, _ADVICE)
        elif record.damage:
            self.notice.show_message(tr("This run is damaged. {damage}", damage=record.damage), _DAMAGE_ADVICE)
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

    def _show_health(self, is_stopping: bool, is_pausing: bool) -> None:
        self.health.setVisible(not self.record.is_over and not self._is_over)
        if is_stopping:
            self.health.show_health("accent", self._describe_stop())
        elif is_pausing:
            self.health.show_health("accent", status_text.describe_pause())
        else:
            state = health.assess(self.record)
            words = _ACTIONS.get(state.action, "") if self._can_pause else ""
            self.health.show_health(state.tone, state.sentence, state.action, words)

    def _headline(self, is_stopping: bool, is_pausing: bool) -> str:
        if self._is_interrupted:
            return tr("Interrupted")
        if self.record.is_training and is_pausing:
            return tr("Pausing after this step")
        if self.record.is_training and is_stopping:
            return tr("Stopping after this step")
        return status_text.headline(self.record)

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
        is_running = is_live and self.live is not None and not self.live.is_waiting
        self.stop_button.setVisible(is_live)
        for button in (self.checkpoint_button, self.pause_button, self.discard_button):
            button.setVisible(is_running)
        if self.live is not None and is_live:
            is_idle = not self.live.is_saving and not is_stopping and not self.live.is_pausing
            can_save = is_idle and self.live.has_started and self.record.last_step is not None
            can_pause = self._can_pause
            loses_focus = (self.checkpoint_button.hasFocus() and not can_save) or (
                self.pause_button.hasFocus() and not can_pause
            )
            if loses_focus:
                self.tabs.bar.setFocus()  # Qt would give it to the next button, which stops the run
            self.checkpoint_button.setEnabled(can_save)
            self.checkpoint_button.setText(tr("Saving…") if self.live.is_saving else tr("Checkpoint now"))
            self.pause_button.setEnabled(can_pause)
            self.pause_button.setText(tr("Pausing…") if self.live.is_pausing else tr("Pause"))
            self.discard_button.setEnabled(not self.live.is_skipping)
            self.stop_button.setEnabled(not self.live.is_skipping and (self.live.has_started or not is_stopping))
            words = tr("Skip the rest") if is_stopping else tr("Stop and keep")
            self.stop_button.setText(tr("Take out of the queue") if self.live.is_waiting else words)
        finished = self.record.finished
        can_resume = finished is None or finished.reason in ("stopped", "failed")
        can_resume = can_resume and self._is_over and not self._is_paused
        self.resume_button.setVisible(can_resume and (self.folder / "run.toml").is_file())


def _scroll_page(content: QWidget) -> ScrollPage:
    scroll = ScrollPage(margin=0)
    scroll.content_layout.addWidget(content)
    return scroll
