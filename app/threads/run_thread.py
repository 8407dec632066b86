"""The bridge between the library and the window: a run's events, one by one, as a Qt signal."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.threads.errors import edge
from core.events import Event
from core.run import Run

# (stop, save_now) -> the run's events
Events = Callable[[threading.Event, threading.Event], Iterator[Event]]


class RunThread(QThread):
    """Walks through a run's events on a thread of its own, where all of the run's MLX work happens."""

    happened = Signal(object)  # an Event; the name event belongs to Qt
    failed = Signal(str)  # one sentence that a person can act on
    crashed = Signal(str)  # a bug: the whole traceback

    def __init__(self, events: Events, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._events = events
        self.stop = threading.Event()
        self.save_now = threading.Event()

    def run(self) -> None:
        with edge(self.failed.emit, self.crashed.emit):
            for event in self._events(self.stop, self.save_now):
                self.happened.emit(event)


def training(run: Run) -> Events:
    """The events of a new run. MLX is imported on the thread that asks for them."""

    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        from core.train import train

        return train(run, stop, save_now=save_now)

    return events


def resuming(folder: str) -> Events:
    """The events of a run that goes on from what lies in its folder."""

    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        from core.train import resume

        return resume(folder, stop, save_now=save_now)

    return events


def talking(run: Run, adapter: str | None) -> Callable[[], Any]:
    """Opens a core.model.generate.Chat with a run's model, on the thread that calls it."""

    def opened() -> Any:
        from core.chat import Chat

        return Chat(run.model.path, adapter, backend_name=run.backend, allow_code=run.model.allow_code)

    return opened
