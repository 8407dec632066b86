"""The runs that are open in the window: starts them, goes on with them, and shows each on a page of its own."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QStackedWidget

from app.runs import history
from app.runs.job_queue import Jobs, LiveRun
from app.runs.record import Record
from app.threads.run_thread import resuming, training
from core.run import Run

if TYPE_CHECKING:
    from app.pages.run import RunPage


class Runs(QObject):
    """`again(run)` and `resume(folder)` from a run's page; `progressed` after each event of the run under way."""

    again = Signal(object)
    resume = Signal(object)
    progressed = Signal()

    def __init__(self, jobs: Jobs, stack: QStackedWidget, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._stack = jobs, stack
        self._pages: dict[Path, RunPage] = {}
        self.unseen: LiveRun | None = None  # ended while another page was shown
        self.training, self.resuming = training, resuming  # where the events come from
        stack.currentChanged.connect(self._seen)

    def start(self, run: Run) -> "RunPage":
        """Start a run, or let it wait for the one under way, and show it."""
        run = run.with_output()
        return self._begin(LiveRun(run, self.training(run)))

    def go_on(self, folder: Path) -> "RunPage":
        """Go on with a run from what lies in its folder. Raises BadOption when there is none."""
        run = Run.read(folder / "run.toml").replace("output", str(folder))
        return self._begin(LiveRun(run, self.resuming(str(folder)), history.record(folder)))

    def show_folder(self, folder: Path) -> "RunPage":
        """Show a run: its page if it is open, or what its folder holds. Raises BadOption when there is none."""
        live = self._live(folder)
        if live is not None:
            return self._show(self._pages[folder])
        run = Run.read(folder / "run.toml").replace("output", str(folder))
        return self._page(run, history.record(folder), folder, None)

    def show_current(self) -> None:
        """Show the run under way, or the one that ended while nobody looked."""
        live = self._jobs.current or self.unseen
        if live is not None:
            self._show(self._pages[_folder(live)])

    def stop_current(self) -> None:
        if self._jobs.current is not None:
            self._jobs.current.stop()

    def checkpoint_current(self) -> None:
        if self._jobs.current is not None:
            self._jobs.current.save_now()

    def _begin(self, live: LiveRun) -> "RunPage":
        page = self._page(live.run, live.record, _folder(live), live)
        live.changed.connect(self.progressed)
        live.ended.connect(lambda: self._ended(live))
        self._jobs.start(live)
        return page

    def _ended(self, live: LiveRun) -> None:
        if self._stack.currentWidget() is not self._pages.get(_folder(live)):
            self.unseen = live
        self.progressed.emit()

    def _seen(self) -> None:
        if self.unseen and self._stack.currentWidget() is self._pages.get(_folder(self.unseen)):
            self.unseen = None
            self.progressed.emit()

    def _live(self, folder: Path) -> LiveRun | None:
        page = self._pages.get(folder)
        live = page.live if page else None
        return live if live is not None and (live.running or live.waiting) else None

    def _page(self, run: Run, record: Record, folder: Path, live: LiveRun | None) -> "RunPage":
        from app.pages.run import RunPage  # what nobody needs before the first run

        page = RunPage(run, record, folder, self._jobs, live)
        page.again.connect(self.again)
        page.resume.connect(self.resume)
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
