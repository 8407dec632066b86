"""Work on a thread of its own, watched through a generator: progress comes out as Phase events.

For what needs no MLX (downloads, tokenizing), so that a run's generator can tell how far it is.
"""

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from core.events import Phase

T = TypeVar("T")
ReportProgress = Callable[[Phase], None]


def run_in_thread(name: str, work: Callable[[ReportProgress, threading.Event], T]) -> Generator[Phase, None, T]:
    """Call work(report, cancelled) on a thread, yielding each Phase it reports; the generator's value is its result.

    What the work raises is raised here. Closing the generator sets `cancelled`, which the work looks at.
    """
    news: queue.Queue[tuple[str, Any]] = queue.Queue()
    cancelled = threading.Event()

    def run() -> None:
        try:
            news.put(("done", work(lambda phase: news.put(("phase", phase)), cancelled)))
        except BaseException as error:  # handed over whole, to be raised on the caller's thread
            news.put(("error", error))

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        while True:
            kind, item = news.get()
            if kind == "phase":
                yield item
            elif kind == "error":
                raise item
            else:
                result: T = item
                return result
    finally:
        cancelled.set()
