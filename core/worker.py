"""Run work on a thread of its own and yield its progress as Phase events.

For work without MLX (downloads, tokenizing), so that a run's generator can say how far it is.
"""

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from core.events import Phase

T = TypeVar("T")
ReportProgress = Callable[[Phase], None]


def run_in_thread(name: str, work: Callable[[ReportProgress, threading.Event], T]) -> Generator[Phase, None, T]:
    """Call work(report, cancelled) on a thread called `name`, and yield each Phase that it reports.

    Returns what the work returns (the value of `yield from`), and raises what it raises. Closing the generator sets
    `cancelled`; the work is expected to look at it and end.
    """
    messages: queue.Queue[tuple[str, Any]] = queue.Queue()
    cancelled = threading.Event()

    def call_work() -> None:
        try:
            messages.put(("done", work(lambda phase: messages.put(("phase", phase)), cancelled)))
        except BaseException as error:  # handed over whole, to be raised on the caller's thread
            messages.put(("error", error))

    threading.Thread(target=call_work, name=name, daemon=True).start()
    try:
        while True:
            kind, item = messages.get()
            if kind == "phase":
                yield item
            elif kind == "error":
                raise item
            else:
                result: T = item
                return result
    finally:
        cancelled.set()
