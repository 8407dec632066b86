"""What happens when something is wrong with Hone itself: it goes to the log, and a person is told once."""

import faulthandler
import logging
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import IO

import platformdirs
from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox

log = logging.getLogger("app")
_crash_file: IO[str] | None = None  # open as long as the process lives: faulthandler writes to it
# Said by platforms without a window manager; means nothing to a person.
_HARMLESS = ("This plugin does not support", "propagateSizeHints")


def log_folder() -> Path:
    """Where the log files lie."""
    return Path(platformdirs.user_log_dir("Hone", appauthor=False))


def install() -> None:
    """Send crashes, uncaught exceptions and Qt's messages to the log files."""
    global _crash_file
    folder = log_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.FileHandler(folder / "hone.log", encoding="utf-8", delay=True)
        _crash_file = (folder / "crash.log").open("a", encoding="utf-8")
    except OSError:
        handler = logging.StreamHandler()  # no place to write: the terminal still shows it
    else:
        faulthandler.enable(_crash_file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: report("".join(traceback.format_exception(args.exc_value)))
    qInstallMessageHandler(_qt_message)


def report(details: str) -> None:
    """Log a bug's traceback and, on the UI thread, tell the person."""
    log.error("%s", details)
    app = QApplication.instance()
    if isinstance(app, QApplication) and threading.current_thread() is threading.main_thread():
        _tell(app, details)


def _tell(app: QApplication, details: str) -> None:
    box = QMessageBox(
        QMessageBox.Icon.Warning,
        "Hone",
        "Something went wrong inside Hone.",
        QMessageBox.StandardButton.Close,
        app.activeWindow(),
    )
    last = details.strip().splitlines()[-1]
    box.setInformativeText(f"This is a fault of the program, not of yours. Your files are untouched.\n\n{last}")
    box.setDetailedText(details)
    copy = box.addButton("Copy details", QMessageBox.ButtonRole.ActionRole)
    copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(details))
    box.open()


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        QApplication.quit()
        return
    report("".join(traceback.format_exception(kind, error, trace)))


def _qt_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    if any(part in message for part in _HARMLESS):
        return
    level = {QtMsgType.QtDebugMsg: logging.DEBUG, QtMsgType.QtInfoMsg: logging.INFO}.get(kind, logging.WARNING)
    log.log(level, "Qt: %s", message)
