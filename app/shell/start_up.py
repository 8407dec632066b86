"""What the window does once it is drawn: looks around, makes the other pages, and loads the charts."""

from PySide6.QtCore import QObject, QTimer

from app.plots.load import load_charts
from app.runs.job_queue import JobQueue
from app.shell.open_runs import OpenRuns
from app.shell.places import Places
from app.shell.queue_keeper import QueueKeeper
from app.threads import gc
from app.threads.slices import do_in_slices

# After the window is first drawn, however long that takes: what comes then would only hold it up.
_REST_MS = 20  # the machine's facts, which import MLX, the interrupted runs and the steps of a new run
_LOAD_MS = 1500  # the charts
_PREPARE_MS = 3000  # after a run its page is read first; then the charts of the next one are made


class StartUp(QObject):
    """begin() is called when the window has been drawn."""

    def __init__(self, stack: Places, jobs: JobQueue, runs: OpenRuns, queue: QueueKeeper, parent: QObject) -> None:
        super().__init__(parent)
        self._stack, self._jobs, self._runs, self._queue = stack, jobs, runs, queue

    def begin(self) -> None:
        """Begin what the window can be drawn without, a little at a time."""
        QTimer.singleShot(_REST_MS, self, self._make_rest)
        QTimer.singleShot(_LOAD_MS, self, self._queue.ask)
        QTimer.singleShot(_LOAD_MS, self, lambda: load_charts(self, self._prepare_runs))

    def _make_rest(self) -> None:
        self._stack.welcome.machine.look()
        self._stack.welcome.interrupted.look()
        self._stack.make_all(lambda: do_in_slices(self, self._stack.wizard.build()))

    def _prepare_runs(self) -> None:
        """Let each run's page open at once; what tells of a bug is imported while nothing has gone wrong."""
        import app.shell.crash_dialog  # noqa: F401

        self._runs.prepare()
        self._jobs.current_changed.connect(lambda: QTimer.singleShot(_PREPARE_MS, self, self._runs.prepare))
        gc.freeze_startup_objects()
