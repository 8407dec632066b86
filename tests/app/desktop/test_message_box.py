"""No message box is the system's own alert, which ends a process on macOS 27 under a decimal comma."""

import locale
import re
from pathlib import Path

from PySide6.QtWidgets import QLabel, QMessageBox
from pytestqt.qtbot import QtBot

import app
from app.desktop.message_box import MessageBox, keep_c_numbers

FOLDER = Path(app.__file__).parent
ALERTS = re.compile(r"\bQMessageBox\b|\bQErrorMessage\b|\bQSystemTrayIcon\b")


def test_boxes_are_drawn_by_qt(qtbot: QtBot) -> None:
    box = MessageBox(None, MessageBox.Icon.Warning, "A heading", "A sentence.")
    qtbot.addWidget(box)
    assert box.testOption(QMessageBox.Option.DontUseNativeDialog)
    assert (box.text(), box.informativeText()) == ("A heading", "A sentence.")
    bold = [label.text() for label in box.findChildren(QLabel) if label.font().bold()]
    assert bold == ["A heading"]


def test_no_other_file_makes_an_alert() -> None:
    found = [
        str(file.relative_to(FOLDER))
        for file in FOLDER.rglob("*.py")
        if ALERTS.search(file.read_text()) and file.name != "message_box.py"
    ]
    assert found == []
    # The system's question whether a file may be overwritten is an alert too.
    saving = [f for f in FOLDER.rglob("*.py") if "getSaveFileName" in f.read_text()]
    assert saving and all("DontConfirmOverwrite" in file.read_text() for file in saving)


def test_no_question_stops_the_window() -> None:
    waiting = [
        file.name for file in FOLDER.rglob("*.py") if re.search(r"\bbox\.exec\(|dialog\.exec\(", file.read_text())
    ]
    assert waiting == []


def test_numbers_of_c_have_a_point() -> None:
    keep_c_numbers()
    assert locale.localeconv()["decimal_point"] == "."
    assert locale.setlocale(locale.LC_NUMERIC) == "C"
