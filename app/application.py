"""The application object: takes in files that the system hands over, even before there is a window."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

_COLLECT_MS = 200  # several files chosen together in the Finder arrive one by one


class Application(QApplication):
    """Keeps files to open until somebody is there to open them, and hands them over together."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        self.setApplicationName("Hone")
        self.setApplicationDisplayName("Hone")
        self.setDesktopFileName("hone")
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
