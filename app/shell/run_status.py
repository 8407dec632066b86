"""How the runs stand, for whoever looks at another page: in the sidebar, and on the Dock's icon."""

from PySide6.QtCore import QObject

from app.desktop.language import keep_together, tr, tr_count
from app.runs import status_text
from app.runs.job_queue import JobQueue
from app.runs.labels import data_label
from app.shell.attention import Attention
from app.shell.open_runs import OpenRuns
from app.shell.places import Places
from app.shell.queue_keeper import QueueKeeper
from app.shell.sidebar import Sidebar
from app.threads.throttle import Throttle

_PROGRESS_MS = 250


class RunStatus(QObject):
    """Shows the current run, the one that has ended unseen, and how many wait or have failed."""

    def __init__(
        self,
        sidebar: Sidebar,
        attention: Attention,
        stack: Places,
        jobs: JobQueue,
        runs: OpenRuns,
        queue: QueueKeeper,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._sidebar, self._attention, self._stack = sidebar, attention, stack
        self._jobs, self._runs, self._queue = jobs, runs, queue
        self.show_soon = Throttle(self.show_progress, _PROGRESS_MS, self, at_once=False)
        runs.progressed.connect(self.show_soon)
        queue.changed.connect(self.show_queue)
        jobs.queue_changed.connect(self.show_queue)

    def show_progress(self) -> None:
        """Show what the current run does, or how one has ended that nobody has looked at since."""
        live, unseen = self._jobs.current, self._runs.unseen_run
        self._attention.show_progress(live)
        if live is None and unseen is not None:
            self._sidebar.show_run(status_text.headline(unseen.record), data_label(unseen.run), 1.0)
            return
        if live is None:
            self._sidebar.hide_run()
            return
        seconds = None if live.is_stopping or live.is_pausing else live.record.seconds_left()
        step = status_text.progress(live.record).partition(" · ")[0]
        detail = (
            tr("{step}, {duration} left", step=step, duration=keep_together(status_text.format_duration(seconds)))
            if seconds is not None
            else step
        )
        self._sidebar.show_run(status_text.headline(live.record), detail, live.record.fraction)

    def show_queue(self) -> None:
        """Show in the sidebar how many runs have failed unseen, or else how many wait; and in the list which."""
        failed = 0
        if self._stack.has("runs"):
            page = self._stack.runs
            page.held = self._queue.held
            if page.isVisible():
                page.refresh()
            failed = page.unseen_failures
        waiting = len(self._jobs.waiting_runs) + len(self._queue.held)
        if failed:
            meaning = tr_count("{count} run failed", "{count} runs failed", failed)
            self._sidebar.mark("runs", f"{failed}", "bad", meaning)
        else:
            meaning = tr_count("{count} run waits", "{count} runs wait", waiting) if waiting else ""
            self._sidebar.mark("runs", f"{waiting}" if waiting else "", "secondary", meaning)
