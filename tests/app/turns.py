"""What the UI thread does between two looks at its events: a turn. A long one is a window that stands still."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from PySide6.QtCore import QAbstractEventDispatcher
from PySide6.QtWidgets import QApplication

from app.shell.window import MainWindow


@contextmanager
def watch(measure: Callable[[], float]) -> Iterator[list[float]]:
    """The growth of `measure()` in each turn of the UI thread, into the list that is given."""
    turns: list[float] = []
    last = measure()

    def note() -> None:
        nonlocal last
        now = measure()
        turns.append(now - last)
        last = now

    dispatcher = QAbstractEventDispatcher.instance()
    dispatcher.awake.connect(note)
    dispatcher.aboutToBlock.connect(note)
    try:
        yield turns
        note()
    finally:
        dispatcher.awake.disconnect(note)
        dispatcher.aboutToBlock.disconnect(note)


@contextmanager
def counted_calls() -> Iterator[Callable[[], float]]:
    """Counts the Python functions that this thread enters: work that no other program on the machine changes."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        yield lambda: count
    finally:
        sys.setprofile(None)


def walk(window: MainWindow, dataset: Path, seconds: float) -> Iterator[str]:
    """Show one page after the other for so long, with a dataset; gives the name of each once it has been shown."""

    def rest(until: Callable[[], bool] = lambda: True) -> None:
        end, latest = time.monotonic() + seconds, time.monotonic() + 120
        while time.monotonic() < end or (not until() and time.monotonic() < latest):
            QApplication.processEvents()
            time.sleep(0.005)

    window.go("welcome")
    rest()
    yield "Welcome"
    window.open_files([dataset])
    data = window.wizard.data
    rest(lambda: data.scanned is not None)
    yield "Data, while it is read"
    for index in range(data.preview.tabs.bar.count()):
        data.preview.tabs.bar.setCurrentIndex(index)
        rest()
        yield f"Data: {data.preview.tabs.bar.tabText(index)}"
    for key in ("goal", "model", "settings", "check"):
        window.go("new")
        window.wizard.show_named(key)
        rest()
        yield f"New run: {key}"
    for place in ("runs", "data", "chat"):
        window.go(place)
        rest()
        yield place.capitalize()
