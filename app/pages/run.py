"""The page of a run, live while it trains and later read from its folder: header, result, charts, samples, log."""

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop.language import tr
from app.pages.discard import END, TRASH, ask_to_discard
from app.pages.pause_card import PauseCard
from app.pages.result import ResultPage
from app.pages.run_header import RunHeader
from app.pages.run_health import RunHealth
from app.pages.run_notice import RunNotice
from app.pages.run_progress import RunProgress
from app.pages.run_tabs import RunTabs
from app.plots.panel import ChartPanel
from app.runs import health
from app.runs.elsewhere import ElsewhereRun
from app.runs.job_queue import JobQueue
from app.runs.labels import data_label, model_label
from app.runs.live_run import LiveRun
from app.runs.record import RunRecord
from app.runs.run_state import RunState
from app.style import theme
from app.threads import core_calls
from app.widgets.card import vbox
from core.run import Run
from core.run.folder import RUN
from core.run.lock import is_locked

_COLLECTED_MS = 1500  # after the end of a run, its garbage is collected by then
_DRAW_MS = 150  # six to seven times a second, and never while hidden
_TAB_MS = 40  # after the numbers over the tabs: drawn together they would delay the window


class RunPage(QWidget):
    """`train_again(run)` to change a setting and train anew, `resume(folder, changes)` to go on with a run that pauses
    or was stopped, `end(folder)` to end one that pauses, `discarded(folder)` once it has ended, to throw it away.

    The page is made without a run; call show_run() before it is shown.
    """

    run: Run
    record: RunRecord
    folder: Path
    live: LiveRun | None  # the run where this window trains it, None for a run that is read from its folder

    train_again = Signal(object)
    resume = Signal(object, object)
    end = Signal(object)
    discarded = Signal(object)
    chat = Signal(object)

    def __init__(self, jobs: JobQueue, charts: ChartPanel | None = None, result: ResultPage | None = None) -> None:
        """`charts` and `result` are made already, or None."""
        super().__init__()
        self._jobs = jobs
        self._has_changes = True  # events that are not drawn yet
        self._is_over = False
        self._suggests_lower = False  # a learning rate, once the run pauses
        self._goes_to_trash = False  # once the run has ended
        self._elsewhere: ElsewhereRun | None = None  # while another window or program trains it
        layout = vbox(self, theme.MARGIN, theme.GRID)
        self._header = RunHeader()
        self.badge, self.buttons = self._header.badge, self._header.buttons
        layout.addWidget(self._header)
        self.progress = RunProgress()
        layout.addWidget(self.progress)
        self.health = RunHealth()
        self.health.action_clicked.connect(self._act)
        layout.addWidget(self.health)
        self.pause_card = PauseCard()
        self.pause_card.resume.connect(lambda changes: self.resume.emit(self.folder, changes))
        self.pause_card.end.connect(lambda: self.end.emit(self.folder))
        self.pause_card.discard.connect(self.discard)
        layout.addWidget(self.pause_card)
        self.notice = RunNotice()
        self.notice.fix.connect(lambda: self.train_again.emit(self.run))
        layout.addWidget(self.notice)
        self.tabs = RunTabs(result or ResultPage(jobs), charts or ChartPanel())
        self.tabs.result.train_again.connect(lambda: self.train_again.emit(self.run))
        self.tabs.result.chat.connect(lambda: self.chat.emit(self.folder))
        layout.addWidget(self.tabs, 1)
        self._timer = QTimer(self, interval=_DRAW_MS)
        self._timer.timeout.connect(self._tick)
        self._tab_timer = QTimer(self, singleShot=True, interval=_TAB_MS)
        self._tab_timer.timeout.connect(lambda: self.tabs.show_record(self.record, next_chart_only=True))
        self._connect_buttons()

    def show_run(self, run: Run, record: RunRecord, folder: Path, live: LiveRun | None = None) -> None:
        """Show a run from now on; a page has one only."""
        self.run, self.record, self.folder, self.live = run, record, folder, live
        self._header.show_names(self.title, f"{tr(run.spec.title)} · {folder.name}")
        self.tabs.use(folder, has_rollouts=run.spec.on_policy)
        self.tabs.bar.currentChanged.connect(lambda: self.tabs.show_record(self.record))
        if live is not None:
            self.tabs.show_page(self.tabs.charts)
            self.go_live(live)
        else:
            if is_locked(folder):
                self._elsewhere = ElsewhereRun(folder, self)
                self._elsewhere.changed.connect(self._show_read)
                self._elsewhere.ended.connect(self._show_ended)
            self._show_end()

    def show_use_it(self) -> None:
        """Show the list of places where the result can go."""
        if self.state.has_result:
            self.tabs.show_page(self.tabs.result)
            self.tabs.result.show_use_it()

    def go_live(self, live: LiveRun) -> None:
        """Show a run of this folder that this window trains from now on, in the tab that is open."""
        self.live, self.record, self._is_over = live, live.record, False
        live.changed.connect(self._mark_changed)
        live.finished.connect(self._show_end)
        live.cancelled.connect(self._show_end)
        self.tabs.set_visible(self.tabs.result, False)
        self.notice.hide()
        if self.isVisible():  # or else it is drawn when it is shown
            self._timer.start()
            self._draw()

    @property
    def title(self) -> str:
        """The model and the data of the run."""
        return tr("{model} learns from {data}", model=model_label(self.run), data=data_label(self.run))

    @property
    def state(self) -> RunState:
        """How the run stands now."""
        return RunState(self.record, self.folder, self.live, self._is_over, self._elsewhere is not None)

    def _connect_buttons(self) -> None:
        self.buttons.checkpoint.clicked.connect(self.save_now)
        self.buttons.pause.clicked.connect(self.pause)
        self.buttons.stop.clicked.connect(self.stop_and_keep)
        self.buttons.discard.clicked.connect(self.discard)
        self.buttons.resume.clicked.connect(lambda: self.resume.emit(self.folder, {}))
        self.buttons.focus_lost.connect(lambda: self.tabs.bar.setFocus())

    def stop_and_keep(self) -> None:
        """Finish the step, save and keep the adapter, and asked again leave out what only tells how the run went.

        A run that still waits leaves the queue.
        """
        if self.live is None:
            return
        if self.live.is_waiting:
            self._jobs.cancel(self.live)
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
        if self.live is not None and self.state.can_pause:
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
        elif answer == END and self.state.is_paused:  # it may have ended while the question stood
            self.end.emit(self.folder)
        elif answer == TRASH:
            self._throw_away()

    def _throw_away(self) -> None:
        self._goes_to_trash = False
        self.discarded.emit(self.folder)

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
        if self._elsewhere is not None:
            self._elsewhere.start()
        if not self.isAncestorOf(QApplication.focusWidget() or self):
            self.tabs.bar.setFocus()  # never on a button that stops the run
        self._draw()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._stop_drawing()
        if self._elsewhere is not None:
            self._elsewhere.stop()

    def _show_read(self, record: RunRecord) -> None:
        """Show what another window or program has reported of the run since."""
        self.record = record
        self._draw()

    def _show_ended(self, record: RunRecord) -> None:
        """Show how it has ended there."""
        self._elsewhere = None
        self.record = record
        self._show_end()

    def _mark_changed(self) -> None:
        self._has_changes = True

    def _tick(self) -> None:
        if self._has_changes:
            self._draw_state()
            self._tab_timer.start()
        else:
            self.progress.show_times(self.state)

    def _show_end(self) -> None:
        """Show how the run ended, and stop drawing."""
        self._is_over = True
        self._stop_drawing()
        state = self.state
        self.tabs.set_visible(self.tabs.result, state.has_result)
        if state.has_result:
            self.tabs.result.show_result(self.run, self.record, self.folder)
            self.tabs.show_page(self.tabs.result)
        elif not state.is_paused:
            self.tabs.show_page(self.tabs.charts)
        if state.is_paused:
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

    def _stop_drawing(self) -> None:
        self._timer.stop()
        self._tab_timer.stop()

    def _draw(self) -> None:
        self._draw_state()
        self.tabs.show_record(self.record)

    def _draw_state(self) -> None:
        """Draw what stands over the tabs."""
        self._has_changes = False
        state = self.state
        self._header.show_state(state)
        self.progress.show_state(state)
        self.health.show_state(self.run, state)
        self.pause_card.setVisible(state.is_paused)
        self.notice.show_state(state)
