"""The application object: takes in files that the system hands over, even before there is a window."""

import signal
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from app.threads.gc import Garbage

_WAKE_MS = 300
_COLLECT_MS = 200  # several files chosen together in the Finder arrive one by one


class Application(QApplication):
    """Keeps files to open until somebody is there to open them, and hands them over together."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        self.setApplicationName("Hone")
        self.setApplicationDisplayName("Hone")
        self.setDesktopFileName("hone")
        self.garbage = Garbage(self)
        self._files: list[Path] = []
        self._open: Callable[[list[Path]], None] | None = None
        self._timer = QTimer(self, singleShot=True, interval=_COLLECT_MS)
        self._timer.timeout.connect(self._hand_over)

    def open_later(self, files: list[Path]) -> None:
        """Files named on the command line."""
        self._files += files
        self._timer.start()

    def deliver_to(self, opener: Callable[[list[Path]], None]) -> None:
        """From now on `opener` gets the files; those that came before arrive right away."""
        self._open = opener
        self._hand_over()

    def leave_on_signals(self, leave: Callable[[], None]) -> None:
        """Call `leave` on Ctrl-C and when the system asks the program to end."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: leave())
        self._wake = QTimer(self, interval=_WAKE_MS)  # Python sees a signal only when it gets to run
        self._wake.timeout.connect(lambda: None)
        self._wake.start()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FileOpen and isinstance(event, QFileOpenEvent):
            if event.file():
                self.open_later([Path(event.file())])
            return True
        return super().event(event)

    def _hand_over(self) -> None:
        if self._open is None or not self._files:
            return
        files, self._files = self._files, []
        self._open(files)
