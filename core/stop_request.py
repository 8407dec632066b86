"""The wish of whoever runs training to end it or to pause, and how soon."""

import threading


class StopRequest(threading.Event):
    """Set it to end a run after the present step; with skip() what would still be measured and answered is left out.

    pause() asks for a checkpoint and no ending: the last of these wishes counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._skips = self._pauses = False

    def set(self) -> None:
        """End the run after the present step."""
        self._pauses = False
        super().set()

    def pause(self) -> None:
        """Write a checkpoint after the present step and let go of the memory; core.train.resume() goes on from it."""
        self._pauses = True
        super().set()

    @property
    def pauses(self) -> bool:
        """Whether pause() is what was asked for last."""
        return self._pauses

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


def pauses(stop: threading.Event) -> bool:
    """Whether `stop` asks for a pause; a plain threading.Event never does."""
    return isinstance(stop, StopRequest) and stop.pauses
