"""Bugs in Hone itself: uncaught exceptions of every thread go to the log, and are told to the window once."""

import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from app.desktop.log_files import log
from core.redact import redact

_LEVELS = {QtMsgType.QtDebugMsg: 10, QtMsgType.QtInfoMsg: 20}  # of Python's logging; any other is a warning
_WARNING = 30
# Messages of platforms without a window manager; they mean nothing to a person.
_IGNORED_MESSAGES = ("This plugin does not support", "propagateSizeHints")
_PLACE = re.compile(r'^\s*File "(.+)", line (\d+)', re.MULTILINE)


class _Reporter(QObject):
    """Brings reports of any thread to the window's: `found(details)` for each bug that is new."""

    found = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[object] = Counter()
        self._lock = threading.Lock()

    def report(self, details: str) -> None:
        with self._lock:
            key = _fingerprint(details)
            self._counts[key] += 1
            count = self._counts[key]
        if count == 1:
            log.error("%s", details)
            self.found.emit(details)
        elif count & (count - 1) == 0:  # a power of two: a bug while drawing comes back many times a second
            log.error("The same error again, %d times so far: %s", count, details.strip().splitlines()[-1])


_reporter: _Reporter | None = None


def install(show: Callable[[str], None]) -> None:
    """Report uncaught exceptions from now on, and send Qt's messages to the log. `show(details)` is called on the
    window's thread, once for each bug."""
    global _reporter
    _reporter = _Reporter()
    _reporter.found.connect(show)
    sys.excepthook = _report_exception
    threading.excepthook = _report_thread
    sys.unraisablehook = _report_unraisable
    qInstallMessageHandler(_log_qt_message)


def report(details: str) -> None:
    """Log a bug's traceback and show it, from any thread."""
    details = redact(details)
    if sys.stderr is not None:
        sys.stderr.write(f"{details.rstrip()}\n")
    if _reporter is not None:
        _reporter.report(details)
    else:
        log.error("%s", details)


def _fingerprint(details: str) -> object:
    """What two reports of the same bug have in common: where it was raised, and the kind of exception."""
    kind = details.strip().splitlines()[-1].partition(":")[0]
    return tuple(_PLACE.findall(details)), kind


def _report_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        QApplication.quit()
        return
    report("".join(traceback.format_exception(kind, error, trace)))


def _report_thread(args: threading.ExceptHookArgs) -> None:
    if not issubclass(args.exc_type, SystemExit):
        name = args.thread.name if args.thread else "a thread"
        text = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
        report(f"In {name}:\n{text}")


def _report_unraisable(args: "sys.UnraisableHookArgs") -> None:
    text = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
    report(f"{args.err_msg or 'Exception ignored in'}: {args.object!r}\n{text}")


def _log_qt_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    if not any(ignored in message for ignored in _IGNORED_MESSAGES):
        log.log(_LEVELS.get(kind, _WARNING), "Qt: %s", message)
