"""The runs that are open in the window: starts them, resumes them, and shows each on a page of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QRect, Signal
from PySide6.QtWidgets import QStackedWidget

from app.desktop import machines, preferences
from app.desktop.language import tr
from app.runs import history
from app.runs.job_queue import JobQueue
from app.runs.live_run import LiveRun
from app.runs.record import RunRecord
from app.threads.machine_calls import resume_together, train_together
from app.threads.run_thread import resume_events, train_events
from app.threads.slices import do_in_slices
from core.run import Run, runs_folder

if TYPE_CHECKING:
    from app.pages.run import RunPage

_CORNER = QRect(0, 0, 1, 1)


class OpenRuns(QObject):
    """`train_again(run)`, `resume(folder, changes)`, `end(folder)`, `discarded(folder)` and `chat(folder)` from a run's
    page; `progressed` after each event of the current run.

    `inputs_changed(folder, what, changes)` when a run has not gone on, with these changes to its options, because what
    it learns from is not what it was.
    """

    train_again = Signal(object)
    resume = Signal(object, object)
    end = Signal(object)
    discarded = Signal(object)
    chat = Signal(object)
    ended = Signal(object)  # a LiveRun whose thread has ended, unless it was thrown away
    trained = Signal(object)  # the folder of a run that has ended with a model
    inputs_changed = Signal(object, object, object)
    progressed = Signal()

    def __init__(self, jobs: JobQueue, stack: QStackedWidget, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._stack = jobs, stack
        self._pages: dict[Path, RunPage] = {}
        self._spare: RunPage | None = None  # for the next run
        self._is_preparing = False
        self.unseen_run: LiveRun | None = None  # finished while another page was shown
        self.train_events, self.resume_events = train_events, resume_events  # tests put scripts here
        self.train_together, self.resume_together = train_together, resume_together
        stack.currentChanged.connect(self._mark_seen)

    @property
    def is_prepared(self) -> bool:
        """Whether the next run's page is made, with its charts."""
        return self._spare is not None and not self._is_preparing

    def prepare(self) -> None:
        """Make the next run's page while nothing trains, a part in each turn, so that it is there at once.

        Call it once load_charts() has loaded what it is made of.
        """
        if self._spare is None and not self._is_preparing and self._jobs.current is None:
            self._is_preparing = True
            do_in_slices(self, self._make_spare())

    def _make_spare(self) -> Iterator[None]:
        from app.pages.result import ResultPage
        from app.pages.run import RunPage
        from app.plots.panel import ChartPanel

        charts = ChartPanel(self._stack)
        charts.hide()
        yield
        result = ResultPage(self._jobs, self._stack)
        result.hide()
        yield
        self._spare = page = RunPage(self._jobs, charts, result)
        self._stack.addWidget(page)
        yield
        page.tabs.show_page(charts)
        yield from charts.prepare()
        yield
        if page is self._spare:  # no run has taken it meanwhile
            page.resize(self._stack.size())
            page.grab(_CORNER)  # lays it out, for which showing it would take longer
        self._is_preparing = False

    def start(self, run: Run) -> "RunPage":
        """Start a run, or let it wait for the one under way, and show it."""
        run = run.with_output(self._pages)
        names, how = [machine.name for machine in machines.used_machines()], machines.options()
        events = self.train_events(run) if machines.trains_alone() else self.train_together(run, names, how)
        return self._launch(LiveRun(run, events))

    def resume_folder(
        self, folder: Path, accept_changes: bool = False, changes: dict[str, Any] | None = None
    ) -> "RunPage":
        """Resume the run of a folder from its newest checkpoint. Raises BadOption where there is no run.

        Arguments:
            accept_changes: also where what it learns from is not what it was.
            changes: options to set anew, by their keys in run.toml.
        """
        run = Run.read(folder / "run.toml").replace("output", str(folder))
        names, how = [machine.name for machine in machines.used_machines()], machines.options()
        if not machines.trains_alone():
            events = self.resume_together(str(folder), names, how, accept_changes, changes or {})
        else:
            events = self.resume_events(str(folder), accept_changes, changes or {})
        live = LiveRun(run, events, history.read_record(folder))
        live.changes, live.is_resumed = changes or {}, True
        return self._launch(live)

    def end_folder(self, folder: Path) -> "RunPage":
        """End a run that pauses: what it has learned is measured and kept. Raises BadOption where there is no run."""
        run = Run.read(folder / "run.toml").replace("output", str(folder))
        live = LiveRun(run, self.resume_events(str(folder), ends=True), history.read_record(folder))
        live.is_stopping = True
        return self._launch(live)

    def show_folder(self, folder: Path) -> "RunPage":
        """Show the run of a folder: its page if it is open, or a new one. Raises BadOption where there is no run."""
        page = self._pages.get(folder)
        if self._find_live(folder) is not None or (page is not None and page.tabs.result.use_it.is_busy):
            return self._show(self._pages[folder])
        run = Run.read(folder / "run.toml").replace("output", str(folder))
        return self._open_page(run, history.read_record(folder), folder, None)

    def show_current(self) -> None:
        """Show the current run, or the one that finished while another page was shown."""
        live = self._jobs.current or self.unseen_run
        if live is not None:
            self._show(self._pages[_folder(live)])

    def stop_current(self) -> None:
        current = self._jobs.current
        if current is not None and current.is_waiting:
            self._jobs.cancel(current)
        elif current is not None:
            current.stop()

    def pause_current(self) -> None:
        if self._jobs.current is not None:
            self._pages[_folder(self._jobs.current)].pause()

    def current_reasons(self) -> tuple[str, str, str]:
        """Why the run in training cannot pause, be stopped or write a checkpoint now; "" where it can."""
        if self._jobs.current is None:
            return (tr("No run is training."),) * 3
        state = self._pages[_folder(self._jobs.current)].state
        stop = "" if state.can_stop else tr("It is stopping.")
        return state.pause_reason, stop, state.save_reason

    def forget(self, folder: Path) -> None:
        """Close the page of a run whose folder is gone."""
        page = self._pages.pop(folder, None)
        if page is not None:
            self._stack.removeWidget(page)
            page.deleteLater()
        if self.unseen_run is not None and _folder(self.unseen_run) == folder:
            self.unseen_run = None

    def checkpoint_current(self) -> None:
        if self._jobs.current is not None:
            self._jobs.current.save_now()

    def _launch(self, live: LiveRun) -> "RunPage":
        page = self._pages.get(_folder(live))
        if page is None:
            page = self._open_page(live.run, live.record, _folder(live), live)
        else:
            page.go_live(live)
            self._show(page)
        if _folder(live).parent != runs_folder():
            preferences.remember_run_folder(str(_folder(live)))
        live.changed.connect(self.progressed)
        live.finished.connect(lambda: self._mark_finished(live))
        self._jobs.start(live)
        return page

    def _mark_finished(self, live: LiveRun) -> None:
        if _folder(live) not in self._pages:  # discarded
            self.progressed.emit()
            return
        if self._stack.currentWidget() is not self._pages[_folder(live)]:
            self.unseen_run = live
        self.progressed.emit()
        self.ended.emit(live)
        if live.record.finished is not None and not live.record.problem:
            self.trained.emit(_folder(live))
        if live.changed_inputs:
            self.inputs_changed.emit(_folder(live), live.changed_inputs, live.changes)

    def _mark_seen(self) -> None:
        if self.unseen_run and self._stack.currentWidget() is self._pages.get(_folder(self.unseen_run)):
            self.unseen_run = None
            self.progressed.emit()

    def _find_live(self, folder: Path) -> LiveRun | None:
        page = self._pages.get(folder)
        live = page.live if page else None
        if live is None or not (live.is_running or live.is_waiting or live.record.paused):
            return None
        return live

    def _open_page(self, run: Run, record: RunRecord, folder: Path, live: LiveRun | None) -> "RunPage":
        from app.pages.run import RunPage  # not needed before the first run

        page, self._spare = self._spare or RunPage(self._jobs), None
        page.show_run(run, record, folder, live)
        page.train_again.connect(self.train_again)
        page.resume.connect(self.resume)
        page.end.connect(self.end)
        page.discarded.connect(self.discarded)
        page.chat.connect(self.chat)
        old = self._pages.pop(folder, None)
        self._pages[folder] = page
        self._stack.addWidget(page)
        self._show(page)
        if old is not None:
            self._stack.removeWidget(old)
            old.deleteLater()
        return page

    def _show(self, page: "RunPage") -> "RunPage":
        self._stack.setCurrentWidget(page)
        return page


def _folder(live: LiveRun) -> Path:
    return Path(live.run.output or "")
