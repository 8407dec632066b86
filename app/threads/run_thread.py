"""A training run on a thread of its own: each event of the run becomes a Qt signal."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.threads.errors import report_errors
from core.errors import ChangedInputs
from core.events import Event, Started
from core.run import Run
from core.stop_request import StopRequest

# What begins a run takes the interpreter from the window, which shows the run's page, and the run in the sidebar, until
# then.
SHOW_SECONDS = 0.3

# (stop, save_now) -> the run's events
EventSource = Callable[[threading.Event, threading.Event], Iterator[Event]]


class RunThread(QThread):
    """Iterates over a run's events on a thread of its own, where all of the run's MLX work happens."""

    event_arrived = Signal(object)  # an Event; the name `event` belongs to Qt
    inputs_changed = Signal(object)  # what a resumed run does not find as it was, in words; `failed` follows
    failed = Signal(object)  # one sentence that a person can act on, to be said with tr() where it is shown
    crashed = Signal(str)  # a bug: the whole traceback

    def __init__(self, events: EventSource, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._events = events
        self.stop = StopRequest()
        self.save_now = threading.Event()

    def run(self) -> None:
        self.stop.wait(SHOW_SECONDS)
        with report_errors(self.failed.emit, self.crashed.emit):
            try:
                for event in self._events(self.stop, self.save_now):
                    self.event_arrived.emit(event)
            except ChangedInputs as error:
                self.inputs_changed.emit(error.changes)
                raise


def train_events(run: Run) -> EventSource:
    """The events of a new run. MLX is imported on the thread that iterates over them."""

    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        from core.train import train

        return train(run, stop, save_now=save_now)

    return events


def resume_events(
    folder: str, accept_changes: bool = False, changes: dict[str, Any] | None = None, ends: bool = False
) -> EventSource:
    """The events of a run that is resumed from the newest checkpoint in its folder.

    `changes` are options to set anew, as core.train.resume() has them. With `ends` the run takes no further step: what
    it has learned is measured and kept.
    """

    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        from core.train import resume

        resumed = resume(folder, stop, save_now=save_now, changes=changes, accept_changes=accept_changes)
        for event in resumed:
            if ends and isinstance(event, Started):
                stop.set()
            yield event

    return events


def chat_opener(run: Run, adapter: str | None) -> Callable[[], Any]:
    """A function that opens a core.chat.Chat with a run's model, on the thread that calls it.

    `adapter` is a folder with an adapter, or None for the model as it was before training.
    """

    def open_chat() -> Any:
        from core.chat import Chat

        return Chat(run.model.path, adapter, backend_name=run.backend, allow_code=run.model.allow_code)

    return open_chat
