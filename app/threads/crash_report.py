"""Reports of bugs in Hone itself: crashes and uncaught exceptions go to the log files, and a dialog says so."""

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
from PySide6.QtWidgets import QApplication

from app.desktop.message_box import MessageBox

log = logging.getLogger("app")
_crash_file: IO[str] | None = None  # open as long as the process lives: faulthandler writes to it
# Messages of platforms without a window manager; they mean nothing to a person.
_IGNORED_MESSAGES = ("This plugin does not support", "propagateSizeHints")


def log_folder() -> Path:
    """The folder of the log files."""
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
        handler = logging.StreamHandler()  # the folder cannot be written to: the terminal still shows the log
    else:
        faulthandler.enable(_crash_file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    sys.excepthook = _report_exception
    threading.excepthook = lambda args: report("".join(traceback.format_exception(args.exc_value)))
    qInstallMessageHandler(_log_qt_message)


def report(details: str) -> None:
    """Log a bug's traceback and, where this is called on the UI thread, show it in a dialog."""
    log.error("%s", details)
    app = QApplication.instance()
    if isinstance(app, QApplication) and threading.current_thread() is threading.main_thread():
        _show_dialog(app, details)


def _show_dialog(app: QApplication, details: str) -> None:
    last_line = details.strip().splitlines()[-1]
    sentence = f"This is a fault of the program, not of yours. Your files are untouched.\n\n{last_line}"
    box = MessageBox(app.activeWindow(), MessageBox.Icon.Warning, "Something went wrong inside Hone.", sentence)
    box.setStandardButtons(MessageBox.StandardButton.Close)
    box.setDetailedText(details)
    copy_button = box.addButton("Copy details", MessageBox.ButtonRole.ActionRole)
    copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(details))
    box.open()


def _report_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        QApplication.quit()
        return
    report("".join(traceback.format_exception(kind, error, trace)))


def _log_qt_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    if any(ignored in message for ignored in _IGNORED_MESSAGES):
        return
    level = {QtMsgType.QtDebugMsg: logging.DEBUG, QtMsgType.QtInfoMsg: logging.INFO}.get(kind, logging.WARNING)
    log.log(level, "Qt: %s", message)
