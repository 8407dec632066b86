"""Long work of the UI thread in slices, between which the window has its turn."""

import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer

SECONDS = 0.004  # of work, until what else there is to do has its turn


def do_in_slices(parent: QObject, work: Iterator[None], done: Callable[[], object] = lambda: None) -> None:
    """Go through `work`, which yields wherever it may be interrupted, while `parent` lives; then call `done`."""
    timer = QTimer(parent)

    def go_on() -> None:
        end = time.perf_counter() + SECONDS
        for _ in work:
            if time.perf_counter() > end:
                return
        timer.stop()
        timer.deleteLater()
        done()

    timer.timeout.connect(go_on)
    timer.start(0)
