"""The log files: a new one when one is full, no secrets in them."""

import faulthandler
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

import platformdirs

from core.redact import redact

log = logging.getLogger("app")
LOG_BYTES = 1_000_000  # of one file; older lines move to hone.log.1 and so on
OLDER_FILES = 3
_crash_file: IO[str] | None = None  # open as long as the process lives: faulthandler writes to it


def log_folder() -> Path:
    """The folder of the log files."""
    return Path(platformdirs.user_log_dir("Hone", appauthor=False))


def log_file() -> Path:
    """The log file that is written to."""
    return log_folder() / "hone.log"


class RedactingFormatter(logging.Formatter):
    """Writes a time and a level before each message, and takes secrets out."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def start() -> None:
    """Send what the window logs, and crashes, to the files; where they cannot be written, to the terminal."""
    global _crash_file
    crashes = log_folder() / "crash.log"
    try:
        log_folder().mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(
            log_file(), maxBytes=LOG_BYTES, backupCount=OLDER_FILES, encoding="utf-8", delay=True
        )
        is_full = crashes.exists() and crashes.stat().st_size > LOG_BYTES
        _crash_file = crashes.open("w" if is_full else "a", encoding="utf-8")
    except OSError:
        handler = logging.StreamHandler()
    else:
        faulthandler.enable(_crash_file)
    handler.setFormatter(RedactingFormatter())
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def read_end(lines: int) -> str:
    """The last lines of the log; "" where there is none."""
    try:
        return "".join(log_file().read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[-lines:])
    except OSError:
        return ""
