"""The application object. It receives the files that the system asks Hone to open, even before there is a window."""

import signal
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QLibraryInfo, QLocale, QTimer, QTranslator
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from app.desktop.c_numbers import keep_c_numbers
from app.threads.gc import GarbageCollector

_WAKE_MS = 300
_GATHER_MS = 200  # several files chosen together in the Finder arrive one by one


class Application(QApplication):
    """Gathers files to open until there is a window, and delivers them together."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        keep_c_numbers()  # Qt has just taken the person's language from the environment
        self.setApplicationName("Hone")
        self.setApplicationDisplayName("Hone")
        self.setDesktopFileName("hone")
        self.garbage_collector = GarbageCollector(self)
        self._files: list[Path] = []
        self._open_files: Callable[[list[Path]], None] | None = None
        self._may_quit: Callable[[], bool] | None = None
        self._timer = QTimer(self, singleShot=True, interval=_GATHER_MS)
        self._timer.timeout.connect(self._deliver_files)

    def translate_qt(self, code: str) -> None:
        """Have Qt's own buttons and dialogs, and numbers that a person reads, in a language ("de")."""
        if code != "en":
            folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
            translator = QTranslator(self)
            if translator.load(f"qtbase_{code}", folder):
                self.installTranslator(translator)
        QLocale.setDefault(QLocale(code))

    def open_later(self, files: list[Path]) -> None:
        """Deliver files a moment later, together with others that arrive meanwhile."""
        self._files += files
        self._timer.start()

    def deliver_files_to(self, open_files: Callable[[list[Path]], None]) -> None:
        """Call `open_files` with each delivery from now on; files that arrived before are delivered right away."""
        self._open_files = open_files
        self._deliver_files()

    def ask_before_quit(self, may_quit: Callable[[], bool]) -> None:
        """Quit from a Mac's Dock and at the end of the session only where `may_quit()`; it may ask the person."""
        self._may_quit = may_quit

    def quit_on_signals(self, quit_app: Callable[[], None]) -> None:
        """Call `quit_app` on Ctrl-C and when the system asks the program to end."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: quit_app())
        self._wake_timer = QTimer(self, interval=_WAKE_MS)  # Python sees a signal only when it gets to run
        self._wake_timer.timeout.connect(lambda: None)
        self._wake_timer.start()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FileOpen and isinstance(event, QFileOpenEvent):
            if event.file():
                self.open_later([Path(event.file())])
            return True
        if event.type() == QEvent.Type.Quit and self._may_quit is not None and not self._may_quit():
            event.ignore()
            return True
        return super().event(event)

    def _deliver_files(self) -> None:
        if self._open_files is None or not self._files:
            return
        files, self._files = self._files, []
        self._open_files(files)
