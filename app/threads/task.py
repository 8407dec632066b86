"""One door for background work that is no run: a function or a generator on a thread of its own."""

import threading
import types
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.threads import crash_report
from app.threads.errors import edge

_LOOK_UP = 0.05  # seconds after which a task that waits for the window looks whether it is still wanted
_running: set["Task"] = set()  # keeps a task alive until its thread has ended


class Task(QThread):
    """Calls `work()` on a thread and hands its result to `done` on the UI thread.

    Where `work` returns a generator, each item goes to `progress`, which it waits for, and `done` gets None.
    A UserError's sentence goes to `failed`; a bug goes to the log and to the person. After drop(), and once
    `owner` is gone, nothing is called.
    """

    _done = Signal(object)
    _failed = Signal(str)
    _crashed = Signal(str)
    _progress = Signal(object)

    def __init__(
        self,
        owner: QObject,
        work: Callable[[], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] | None = None,
        progress: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__()
        self._work, self._wanted = work, True
        self._taken = threading.Event()  # the window is done with the latest item
        self._on_done, self._on_failed, self._on_progress = done, failed, progress
        # Bound methods of an object on the UI thread: Qt queues the calls to that thread.
        self._done.connect(self._hand_done)
        self._failed.connect(self._hand_failed)
        self._crashed.connect(self._hand_crashed)
        self._progress.connect(self._hand_progress)
        self.finished.connect(self._forget)
        self._tie = owner.destroyed.connect(self.drop)
        _running.add(self)
        self.start()

    def drop(self) -> None:
        """The result is not wanted any more."""
        self._wanted = False
        self.requestInterruption()

    def run(self) -> None:
        with edge(self._failed.emit, self._crashed.emit):
            result = self._work()
            if isinstance(result, types.GeneratorType):
                for item in result:
                    if self.isInterruptionRequested():
                        result.close()
                        return
                    self._taken.clear()
                    self._progress.emit(item)
                    # Work that went on meanwhile would take the interpreter from the window at each of the
                    # thousands of calls into Qt that a picture needs: it would stand still for seconds.
                    while not self._taken.wait(_LOOK_UP) and not self.isInterruptionRequested():
                        pass
                result = None
            self._done.emit(result)

    def _hand_done(self, result: Any) -> None:
        if self._wanted and self._on_done:
            self._on_done(result)

    def _hand_failed(self, sentence: str) -> None:
        if self._wanted and self._on_failed:
            self._on_failed(sentence)

    def _hand_progress(self, item: Any) -> None:
        try:
            if self._wanted and self._on_progress:
                self._on_progress(item)
        finally:
            self._taken.set()

    def _hand_crashed(self, details: str) -> None:
        crash_report.report(details)

    def _forget(self) -> None:
        """Over: let go of the owner, so that neither keeps the other, nor is called while it goes."""
        _running.discard(self)
        self._on_done = self._on_failed = self._on_progress = None
        if self._tie:
            QObject.disconnect(self._tie)


def end_all(milliseconds: int = 5000) -> bool:
    """Let go of every task and wait for its thread, at most so long for each; whether all have ended."""
    for task in list(_running):
        task.drop()
    return all([task.wait(milliseconds) for task in list(_running)])


# What background work asks of those parts of the core that bring in MLX or the Hub's client. Each of
# these belongs on a task's thread.
