"""A file that tells how far it was read, for uploads: the Hub's client reads it once for its hash, then to send it."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

from core.errors import Unavailable
from core.text.sentence import say

_SECONDS = 0.5  # between two reports


class CountedFile(io.BufferedReader):
    """A file whose `sent` is how many of its bytes are on their way.

    Arguments:
        path: the file.
        report: called with `sent` now and then while the file is sent.
        cancelled: once it is set, reading raises Unavailable, which ends what reads.
    """

    def __init__(self, path: Path, report: Callable[[int], None], cancelled: threading.Event) -> None:
        super().__init__(io.FileIO(path))
        self.size, self.sent = path.stat().st_size, 0
        self._report, self._cancelled = report, cancelled
        self._hashed, self._told = 0, time.monotonic()

    def read(self, size: int | None = -1, /) -> bytes:
        if self._cancelled.is_set():
            raise Unavailable(say("The upload was stopped."))
        data = super().read(size)
        if self._hashed < self.size:
            self._hashed += len(data)
            return data
        self.sent = self.tell()
        if time.monotonic() - self._told >= _SECONDS:
            self._told = time.monotonic()
            self._report(self.sent)
        return data
