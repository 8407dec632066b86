"""Background work other than runs and chats: a function or a generator on a thread of its own."""

import threading
import types
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.threads import crash_report
from app.threads.errors import report_errors, translated

_CHECK_SECONDS = 0.05  # how often a task that waits for the window checks whether it has been cancelled
_live_tasks: set["Task"] = set()  # keeps a task alive until its thread has ended


class Task(QThread):
    """Calls `work()` on a thread and hands its result to `done` on the UI thread.

    Where `work` returns a generator, each item goes to `progress`, and the generator goes on once `progress` has
    returned; `done` then gets None. A UserError's sentence goes to `failed`; any other exception is a bug and goes to
    the log and to a dialog. After cancel(), and once `owner` is deleted, none of them is called. `ended` comes last, on
    the UI thread: who connects to it where the task is made gets it also from one that is over by then, of which
    QThread's own `finished` is lost.
    """

    ended = Signal()
    _succeeded = Signal(object)
    _failed = Signal(str)
    _crashed = Signal(str)
    _progressed = Signal(object)

    def __init__(
        self,
        owner: QObject,
        work: Callable[[], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] | None = None,
        progress: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__()
        self._work, self._is_cancelled = work, False
        self._item_handled = threading.Event()  # the window has handled the latest item
        self._on_success, self._on_failure, self._on_progress = done, failed, progress
        # Bound methods of an object on the UI thread: Qt queues the calls to that thread.
        self._succeeded.connect(self._deliver_result)
        self._failed.connect(self._deliver_failure)
        self._crashed.connect(self._deliver_crash)
        self._progressed.connect(self._deliver_progress)
        self.finished.connect(self._release)
        self._owner_connection = owner.destroyed.connect(self.cancel)
        _live_tasks.add(self)
        self.start()

    def cancel(self) -> None:
        """Call none of the functions any more; a generator ends before its next item."""
        self._is_cancelled = True
        self.requestInterruption()

    def run(self) -> None:
        with report_errors(translated(self._failed.emit), self._crashed.emit):
            result = self._work()
            if isinstance(result, types.GeneratorType):
                for item in result:
                    if self.isInterruptionRequested():
                        result.close()
                        return
                    self._emit_and_wait(item)
                result = None
            self._succeeded.emit(result)

    def _emit_and_wait(self, item: Any) -> None:
        """Hand over an item and wait until the window has handled it.

        Work that went on meanwhile would take the interpreter from the window at each of the thousands of calls into
        Qt that a picture needs: the window would stand still for seconds.
        """
        self._item_handled.clear()
        self._progressed.emit(item)
        while not self._item_handled.wait(_CHECK_SECONDS) and not self.isInterruptionRequested():
            pass

    def _deliver_result(self, result: Any) -> None:
        if not self._is_cancelled and self._on_success:
            self._on_success(result)

    def _deliver_failure(self, sentence: str) -> None:
        if not self._is_cancelled and self._on_failure:
            self._on_failure(sentence)

    def _deliver_progress(self, item: Any) -> None:
        try:
            if not self._is_cancelled and self._on_progress:
                self._on_progress(item)
        finally:
            self._item_handled.set()

    def _deliver_crash(self, details: str) -> None:
        crash_report.report(details)

    def _release(self) -> None:
        """Let go of the owner, so that neither keeps the other alive, nor is called while it is deleted."""
        _live_tasks.discard(self)
        self._on_success = self._on_failure = self._on_progress = None
        if self._owner_connection:
            QObject.disconnect(self._owner_connection)
        self.ended.emit()


def cancel_all(milliseconds: int = 5000) -> bool:
    """Cancel every task and wait for its thread, `milliseconds` at most for each.

    Returns whether all threads have ended.
    """
    for task in list(_live_tasks):
        task.cancel()
    return all([task.wait(milliseconds) for task in list(_live_tasks)])
