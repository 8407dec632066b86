"""Message boxes are of one family with the window: its buttons, in the system's order, for mouse and keyboard."""

import re
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

import app
from app.widgets.buttons import Button
from app.widgets.message_box import MessageBox, Role, show_message

FOLDER = Path(app.__file__).parent
# Boxes and dialogs that Qt or the system draws in a way of their own.
ALERTS = re.compile(r"\bQMessageBox\b|\bQErrorMessage\b|\bQSystemTrayIcon\b|\bQInputDialog\b|StandardButton\b")


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    """A window that a box is about."""
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def open_question(qtbot: QtBot, parent: QWidget, answers: list[object]) -> MessageBox:
    box = MessageBox(parent, "Throw it away?", "It cannot be undone. " * 12)
    yes = box.add_button("Throw it away", Role.DestructiveRole)
    box.add_button("Keep it", is_default=True)
    box.ask(lambda chosen: answers.append(chosen is yes))
    qtbot.waitUntil(box.isVisible)
    return box


def test_its_buttons_are_those_of_the_window(qtbot: QtBot, parent: QWidget) -> None:
    box = open_question(qtbot, parent, [])
    assert all(isinstance(button, Button) for button in box.findChildren(QPushButton))
    assert [button.isDefault() for button in box.buttons] == [False, True]
    assert box.accessibleName() == "Throw it away?" and box.accessibleDescription().startswith("It cannot")
    assert box.windowModality() == Qt.WindowModality.WindowModal
    box.close()


def test_all_words_have_room(qtbot: QtBot, parent: QWidget) -> None:
    box = open_question(qtbot, parent, [])
    assert box.sentence.height() >= box.sentence.heightForWidth(box.sentence.width()) > box.heading.height()
    folded = box.height()
    box.show_details("Traceback")
    box._details_button.click()
    assert box.height() > folded + 100 and box.details.isVisible()
    box.close()


def test_return_presses_what_has_the_focus_and_escape_answers_nothing(qtbot: QtBot, parent: QWidget) -> None:
    answers: list[object] = []
    for press in (
        lambda box: qtbot.keyClick(box, Qt.Key.Key_Return),
        lambda box: qtbot.keyClick(box.buttons[0], Qt.Key.Key_Return),
        lambda box: qtbot.keyClick(box, Qt.Key.Key_Escape),
    ):
        press(open_question(qtbot, parent, answers))
    assert answers == [False, True, False]


def test_a_message_goes_with_its_one_button(qtbot: QtBot, parent: QWidget) -> None:
    show_message(parent, "It could not be saved.", "The disk is full.", tone="warn")
    (box,) = parent.findChildren(MessageBox)
    assert [button.text() for button in box.buttons] == ["OK"]
    box.buttons[0].click()
    qtbot.waitUntil(lambda: not parent.findChildren(MessageBox))


def test_no_file_makes_an_alert() -> None:
    found = [str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*.py") if ALERTS.search(file.read_text())]
    assert found == []
    # The system's question whether a file may be overwritten is an alert too.
    saving = [f for f in FOLDER.rglob("*.py") if "getSaveFileName" in f.read_text()]
    assert saving and all("DontConfirmOverwrite" in file.read_text() for file in saving)


def test_no_question_stops_the_window() -> None:
    waiting = [
        file.name for file in FOLDER.rglob("*.py") if re.search(r"\bbox\.exec\(|dialog\.exec\(", file.read_text())
    ]
    assert waiting == []
