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
        self._stack, self._ways, self._jobs, self._runs = stack, navigation, jobs, runs
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
        page, ways = self._stack.welcome, self._ways
        page.demo.connect(self._requests.start)
        page.own_data.connect(ways.choose_data)
        page.open_run.connect(ways.choose_run)
        page.interrupted.resume.connect(self._requests.resume)

    def _connect_wizard(self) -> None:
        page, ways = self._stack.wizard, self._ways
        page.start.connect(self._requests.start)
        page.show_methods.connect(lambda: ways.show_help("methods.md"))
        page.show_data_help.connect(lambda: ways.show_help("data.md"))

    def _connect_runs(self) -> None:
        page, ways, queue = self._stack.runs, self._ways, self._queue
        page.held = queue.held
        self._jobs.run_failed.connect(self._status.show_queue)  # after the page has counted it
        page.open_run.connect(ways.open_run)
        page.use_it.connect(ways.use_result)
        page.resume.connect(self._requests.resume)
        page.new_run.connect(lambda: ways.go("new"))
        page.run_again.connect(ways.edit_settings)
        page.compare.connect(ways.compare)
        page.deleted.connect(self._close_pages)
        page.go_on.connect(queue.go_on)
        page.forget.connect(queue.forget)
        page.seen.connect(self._status.show_queue)
        page.choose_folder.connect(ways.choose_run)

    def _connect_datasets(self) -> None:
        page, ways = self._stack.datasets, self._ways
        page.use.connect(ways.use_data)
        page.choose_data.connect(ways.choose_data)
        page.show_help.connect(lambda: ways.show_help("data.md"))

    def _connect_chat(self) -> None:
        self._stack.chat.use_it.connect(self._ways.use_result)

    def _close_pages(self, folders: list[Path]) -> None:
        """Close the pages of runs that were deleted."""
        for folder in folders:
            self._runs.forget(folder)
