"""Ctrl-C and the signals that ask a program to end (kill, a closed terminal): one sentence, and the usual exit code.

SIGUSR1 asks a run for a checkpoint.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHECKPOINT = (signal.SIGUSR1,)


class Ended(KeyboardInterrupt):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, as shells have it."""
        return 128 + self.number

    def __str__(self) -> str:
        return "Ended by Ctrl-C." if self.number == signal.SIGINT else f"Ended by {signal.Signals(self.number).name}."


def end(number: int, frame: FrameType | None = None) -> None:
    """The handler that ends the program where it stands."""
    raise Ended(number)


@contextmanager
def handled_by(
    handler: Callable[[int, FrameType | None], Any], numbers: tuple[signal.Signals, ...] = SIGNALS
) -> Iterator[None]:
    """While the context lasts, these signals call a handler. One that the program was told to ignore stays ignored.

    Outside of the main thread, to which Python gives its signals, nothing changes.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in numbers}
        before = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
