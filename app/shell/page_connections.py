"""Connects the pages that the sidebar leads to, each when it is made."""

from pathlib import Path

from app.runs.job_queue import JobQueue
from app.shell.navigation import Navigation
from app.shell.open_runs import OpenRuns
from app.shell.places import Places
from app.shell.queue_keeper import QueueKeeper
from app.shell.run_requests import RunRequests
from app.shell.run_status import RunStatus


class PageConnections:
    """What the pages ask for reaches what does it."""

    def __init__(
        self,
        stack: Places,
        navigation: Navigation,
        jobs: JobQueue,
        runs: OpenRuns,
        requests: RunRequests,
        queue: QueueKeeper,
        status: RunStatus,
    ) -> None:
        self._stack, self._navigation, self._jobs, self._runs = stack, navigation, jobs, runs
        self._requests, self._queue, self._status = requests, queue, status
        self._connect = {
            "welcome": self._connect_welcome,
            "new": self._connect_wizard,
            "runs": self._connect_runs,
            "data": self._connect_datasets,
            "chat": self._connect_chat,
        }

    def connect_page(self, key: str) -> None:
        """Connect the page of a place, which has just been made."""
        self._connect[key]()

    def _connect_welcome(self) -> None:
        page, navigation = self._stack.welcome, self._navigation
        page.demo.connect(self._requests.start)
        page.own_data.connect(navigation.choose_data)
        page.open_run.connect(navigation.choose_run)
        page.interrupted.resume.connect(self._requests.resume)

    def _connect_wizard(self) -> None:
        page, navigation = self._stack.wizard, self._navigation
        page.start.connect(self._requests.start)
        page.show_methods.connect(lambda: navigation.show_help("methods.md"))
        page.show_data_help.connect(lambda: navigation.show_help("data.md"))

    def _connect_runs(self) -> None:
        page, navigation, queue = self._stack.runs, self._navigation, self._queue
        page.held = queue.held
        self._jobs.run_failed.connect(self._mark_seen)  # after the page has counted it
        self._jobs.run_failed.connect(self._status.show_queue)
        self._stack.currentChanged.connect(self._mark_seen)
        page.open_run.connect(navigation.open_run)
        page.use_it.connect(navigation.use_result)
        page.resume.connect(self._requests.resume)
        page.new_run.connect(lambda: navigation.go("new"))
        page.run_again.connect(navigation.edit_settings)
        page.compare.connect(navigation.compare)
        page.deleted.connect(self._close_pages)
        page.go_on.connect(queue.go_on)
        page.forget.connect(queue.forget)
        page.seen.connect(self._status.show_queue)
        page.choose_folder.connect(navigation.choose_run)

    def _connect_datasets(self) -> None:
        page, navigation = self._stack.datasets, self._navigation
        page.use.connect(navigation.use_data)
        page.choose_data.connect(navigation.choose_data)
        page.show_help.connect(lambda: navigation.show_help("data.md"))

    def _connect_chat(self) -> None:
        self._stack.chat.use_it.connect(self._navigation.use_result)

    def _mark_seen(self) -> None:
        """Whose page is shown has failed before somebody's eyes."""
        folder = getattr(self._stack.currentWidget(), "folder", None)
        if isinstance(folder, Path):
            self._stack.runs.mark_seen(folder)

    def _close_pages(self, folders: list[Path]) -> None:
        """Close the pages of runs that were deleted."""
        for folder in folders:
            self._runs.forget(folder)
