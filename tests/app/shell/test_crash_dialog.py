"""Bugs reach a dialog once, from every thread and without an active window; the log and the report hold no secrets."""

import sys
import threading
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.desktop import log_files
from app.shell import crash_dialog
from app.threads import crash_report


@pytest.fixture
def hooks(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Bugs are reported as in the program; returns the log's folder. The hooks are taken off again."""
    monkeypatch.setattr(log_files.platformdirs, "user_log_dir", lambda *_, **__: str(tmp_path / "log"))
    for place, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    monkeypatch.setattr(crash_report, "_reporter", None)
    monkeypatch.setattr(crash_report, "qInstallMessageHandler", lambda handler: None)
    monkeypatch.setattr(log_files.faulthandler, "enable", lambda file: None)
    monkeypatch.setattr(log_files.log, "handlers", [])  # those of the tests take what is logged for a failure
    monkeypatch.setattr(log_files.log, "propagate", False)
    log_files.start()
    crash_report.install(crash_dialog.show)
    yield tmp_path / "log"
    if crash_dialog._box is not None:
        crash_dialog._box.close()
    for handler in log_files.log.handlers[:]:
        log_files.log.removeHandler(handler)
        handler.close()
    if log_files._crash_file is not None:
        log_files._crash_file.close()


def fail(word: str = "") -> None:
    raise ZeroDivisionError(word)


def raise_uncaught(word: str = "") -> None:
    try:
        fail(word)
    except ZeroDivisionError:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]


def test_the_same_bug_is_told_once_and_without_an_active_window(qtbot: QtBot, hooks: Path) -> None:
    assert QGuiApplication.focusWindow() is None
    for n in range(5):
        raise_uncaught(f"attempt {n}")
    box = crash_dialog._box
    assert box is not None and box.isVisible()
    assert "attempt 0" in box.sentence.text() and "more fault" not in box.sentence.text()
    assert (hooks / "hone.log").read_text().count("Traceback") == 1
    assert "The same error again, 4 times so far" in (hooks / "hone.log").read_text()
    box.close()
    assert crash_dialog._box is None
    raise_uncaught("attempt 5")
    assert crash_dialog._box is None


def test_another_bug_joins_the_dialog_that_is_open(qtbot: QtBot, hooks: Path) -> None:
    raise_uncaught()
    first = crash_dialog._box
    crash_report.report("Traceback\nKeyError: 'other'")
    assert crash_dialog._box is first is not None
    assert "1 more fault followed." in first.sentence.text()
    assert "KeyError: 'other'" in first.details.toPlainText()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_bugs_of_other_threads_reach_the_dialog(qtbot: QtBot, hooks: Path) -> None:
    threading.excepthook = crash_report._report_thread
    thread = threading.Thread(target=fail, args=["far away"], name="reader")
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: crash_dialog._box is not None)
    assert crash_dialog._box is not None
    assert "In reader:" in crash_dialog._box.details.toPlainText()
    assert "ZeroDivisionError: far away" in crash_dialog._box.sentence.text()
    ending = threading.Thread(target=sys.exit)
    ending.start()
    ending.join()
    qtbot.wait(20)
    assert "more fault" not in crash_dialog._box.sentence.text()


class Fragile:
    def __del__(self) -> None:
        fail("while it goes")


def test_bugs_that_python_cannot_raise_reach_the_dialog(qtbot: QtBot, hooks: Path) -> None:
    sys.unraisablehook = crash_report._report_unraisable
    fragile = [Fragile()]
    fragile.clear()
    assert crash_dialog._box is not None
    assert "ZeroDivisionError: while it goes" in crash_dialog._box.sentence.text()


def test_log_and_report_have_no_secrets(qtbot: QtBot, hooks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hidden-in-the-environment")
    raise_uncaught("hf_abcdefghijklmnop and hidden-in-the-environment")
    log_files.log.warning("again hf_abcdefghijklmnop")
    box = crash_dialog._box
    assert box is not None
    (copy,) = (b for b in box.findChildren(QPushButton) if b.text() == "Copy report")
    copy.click()
    assert box.isVisible()  # the button does not close it
    copied = QGuiApplication.clipboard().text()
    assert "ZeroDivisionError: [hidden] and [hidden]" in copied
    assert "again [hidden]" in copied
    for text in (copied, (hooks / "hone.log").read_text(), box.details.toPlainText(), box.sentence.text()):
        assert "abcdefgh" not in text and "environment" not in text


def test_a_full_log_makes_place(hooks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (handler,) = (h for h in log_files.log.handlers if isinstance(h, RotatingFileHandler))
    monkeypatch.setattr(handler, "maxBytes", 2000)
    for n in range(200):
        log_files.log.info("line %d of a long day", n)
    files = sorted(path.name for path in hooks.glob("hone.log*"))
    assert files == ["hone.log", "hone.log.1", "hone.log.2", "hone.log.3"]
    assert all(path.stat().st_size <= 2000 for path in hooks.glob("hone.log*"))
    assert "line 199" in log_files.read_end(1)
