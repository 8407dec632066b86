"""A run that is asked to stop while it is being prepared."""

import threading
from collections.abc import Generator
from typing import TypeVar

from core.errors import Unavailable
from core.events import Event, Walked
from core.reference.logprob_cache import STOPPED

T = TypeVar("T")


def until_stopped(events: Generator[Event, None, T], stop: threading.Event) -> Generator[Event, None, T]:
    """The events of setting a run up, and its value. Raises Unavailable where `stop` is set: no step is begun then."""
    walked = Walked(events)
    try:
        for event in walked:
            refuse_stopped(stop)
            yield event
            refuse_stopped(stop)
    finally:
        events.close()
    return walked.value


def refuse_stopped(stop: threading.Event) -> None:
    """Raise Unavailable where `stop` is set."""
    if stop.is_set():
        raise Unavailable(STOPPED)
