"""The wish to stop, agreed upon by all ranks: what one of them is asked takes effect on all after the same step."""

import threading
from collections.abc import Sequence

from core.stop_request import StopRequest, pauses, skips

WISHES = ("", "pause", "stop", "skip")  # the later ones count


class AgreedStop(StopRequest):
    """Is set by follow() alone, which every rank calls with the same wishes."""

    def __init__(self, local: threading.Event) -> None:
        """`local` is what this rank is asked."""
        super().__init__()
        self._local = local

    @property
    def wish(self) -> str:
        """What this rank is asked, to be told to the others."""
        if not self._local.is_set():
            return ""
        return "pause" if pauses(self._local) else "skip" if skips(self._local) else "stop"

    def follow(self, wishes: Sequence[str]) -> None:
        """Be asked what the ranks were asked."""
        wish = max(wishes, key=WISHES.index)
        if wish:
            {"pause": self.pause, "stop": self.set, "skip": self.skip}[wish]()
