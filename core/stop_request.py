"""The wish of whoever runs training to end it, and how soon."""

import threading


class StopRequest(threading.Event):
    """Set it to end a run after the present step; with skip() what would still be measured and answered is left out."""

    def __init__(self) -> None:
        super().__init__()
        self._skips = False

    def skip(self) -> None:
        """Stop, and leave out what only tells how the run went: what is learned is saved all the same."""
        self._skips = True
        self.set()

    @property
    def skips(self) -> bool:
        """Whether skip() was called."""
        return self._skips


def skips(stop: threading.Event) -> bool:
    """Whether `stop` asks for the quickest end; a plain threading.Event never does."""
    return isinstance(stop, StopRequest) and stop.skips
