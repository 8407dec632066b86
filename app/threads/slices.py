"""Long work of the UI thread in slices, between which the window has its turn."""

import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer

SECONDS = 0.004  # of work, until what else there is to do has its turn
_PAUSE_MS = 1  # until the next slice, which would else come before a timer that is late by now


def do_in_slices(parent: QObject, work: Iterator[None], done: Callable[[], object] = lambda: None) -> None:
    """Go through `work`, which yields wherever it may be interrupted, while `parent` lives; then call `done`."""
    timer = QTimer(parent, singleShot=True, interval=_PAUSE_MS)

    def go_on() -> None:
        end = time.perf_counter() + SECONDS
        for _ in work:
            if time.perf_counter() > end:
                timer.start()
                return
        timer.deleteLater()
        done()

    timer.timeout.connect(go_on)
    timer.start()
