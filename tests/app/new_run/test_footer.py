"""The foot of New run: one place for the main action, messages that move nothing, and the wrong field marked."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.new_run.fields import TextField, describe_refusal
from app.new_run.form import OptionLine
from app.shell.window import MainWindow
from app.widgets.card import vbox
from core.options import Option
from core.run import list_options


def option(key: str) -> Option:
    return dict(list_options("sft"))[key]


def place(widget: object, window: MainWindow) -> tuple[int, int, int]:
    corner = widget.mapTo(window, QPoint(0, 0))  # type: ignore[attr-defined]
    return corner.x(), corner.y(), widget.width()  # type: ignore[attr-defined]


def test_back_and_next_and_start_keep_their_places(qtbot: QtBot, window: MainWindow) -> None:
    wizard = window.wizard
    wizard.show_step(1)
    qtbot.wait(10)
    next_place, back_place = place(wizard.next_button, window), place(wizard.back_button, window)
    for step in (2, 3, 4):
        wizard.show_step(step)
        qtbot.wait(10)
        shown = wizard.check.start_button if step == 4 else wizard.next_button
        assert shown.isVisible()
        assert (place(shown, window), place(wizard.back_button, window)) == (next_place, back_place)
    assert not wizard.next_button.isVisible()


def test_a_wrong_value_is_marked_and_nothing_moves(qtbot: QtBot) -> None:
    line = OptionLine("train.learning_rate", option("train.learning_rate"))
    page = QWidget()
    qtbot.addWidget(page)
    column = vbox(page)
    column.addWidget(line)
    column.addStretch()
    page.resize(800, 400)
    page.show()
    qtbot.wait(10)
    field = line.field
    assert isinstance(field, TextField)
    before = (field.pos(), line.geometry())
    type_text(qtbot, field, "-1")
    qtbot.wait(10)
    assert field.control.is_wrong and (field.pos(), line.geometry()) == before
    assert line._help.text() == "Learning rate must be at least 0."
    type_text(qtbot, field, "0.0003")
    assert not field.control.is_wrong and line._help.text() == line._help_text()


def test_a_wrong_value_stands_in_the_foot_until_it_is_mended(qtbot: QtBot, window: MainWindow) -> None:
    wizard = window.wizard
    wizard.show_step(3)
    field = wizard.settings.forms[1].lines["train.learning_rate"].field
    assert isinstance(field, TextField)
    type_text(qtbot, field, "x")
    assert wizard._reason.text() == "Learning rate must be a number."
    wizard.settings._show_run("")  # as when the model has been read meanwhile
    assert field.control.text() == "x" and field.control.is_wrong
    wizard.settings._apply_preset("quick")
    wizard.settings.forms[1].lines["train.learning_rate"].reset.click()
    assert not field.control.is_wrong and wizard._reason.text() == ""
    type_text(qtbot, field, "0.0003")
    assert wizard._reason.text() == "" and window.draft.run.train.learning_rate == 0.0003


@pytest.mark.parametrize("width", [900, 1280])
def test_a_long_reason_has_two_lines_at_most_and_the_buttons_stay(
    qtbot: QtBot, window: MainWindow, german: None, width: int
) -> None:
    wizard = window.wizard
    window.resize(width, 600)
    wizard.show_step(3)
    qtbot.wait(10)
    before = place(wizard.next_button, window)
    short, long = "Bitte warten.", "Die Lernrate passt nicht zu dem, was gewählt ist: " + "Sie ist zu hoch dafür. " * 4
    for reason in (short, long):
        wizard._show_reason(reason)
        qtbot.wait(10)
        lines = wizard._reason.height() / wizard._reason.fontMetrics().lineSpacing()
        assert round(lines) <= 2 and wizard._reason.width() >= 150
        assert place(wizard.next_button, window) == before
    wizard._show_reason("")
    qtbot.wait(10)
    assert wizard._foot.height() < 60


def type_text(qtbot: QtBot, field: TextField, text: str) -> None:
    field.control.selectAll()
    qtbot.keyClicks(field.control, text)


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("train.learning_rate", "abc", "Learning rate must be a number."),
        ("train.learning_rate", "11", "Learning rate must be at most 10."),
        ("train.steps", "1.5", "Steps must be a whole number."),
        ("data.eval_split", "0.7", "Held-out share must be at most 0.5."),
    ],
)
def test_a_refusal_uses_the_label(key: str, text: str, sentence: str) -> None:
    o = option(key)
    assert o.label in sentence and describe_refusal(o, text, "") == sentence


def test_the_keyboard_never_lands_on_stop(qtbot: QtBot, window: MainWindow) -> None:
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.last_step is not None)
    assert QApplication.focusWidget() is page.tabs.bar
    if page.buttons.checkpoint.isVisible() and page.buttons.checkpoint.isEnabled():
        page.buttons.checkpoint.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.keyClick(page.buttons.checkpoint, Qt.Key.Key_Space)
        assert QApplication.focusWidget() is not page.buttons.stop
    qtbot.waitUntil(lambda: page.record.is_over)
