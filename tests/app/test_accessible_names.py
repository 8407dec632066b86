"""Every control of every page can be told by a screen reader: it has a name, or words of its own."""

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QMenuBar,
    QPlainTextEdit,
    QProgressBar,
    QScrollBar,
    QTabBar,
    QTextBrowser,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.pages.help import HelpWindow
from app.shell.licenses_window import LicensesWindow
from app.shell.window import MainWindow
from tests.app.pages.test_compare import show_comparison

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QTabBar,
    QTextBrowser,
)


def nameless(page: QWidget) -> list[str]:
    """The controls of a page that say nothing; the parts that Qt makes inside another control are its own affair."""
    found = []
    for control in page.findChildren(QWidget):
        if not isinstance(control, CONTROLS) or isinstance(control, QScrollBar) or is_part(control):
            continue
        words = control.text() if isinstance(control, QAbstractButton) else ""
        if not (control.accessibleName() or words):
            found.append(f"{type(control).__name__} in {type(control.parentWidget()).__name__}")
    return found


def is_part(control: QWidget) -> bool:
    parent = control.parentWidget()
    while parent is not None:
        if isinstance(parent, QComboBox | QAbstractSpinBox | QLineEdit | QAbstractItemView | QTabBar | QMenuBar):
            return True
        parent = parent.parentWidget()
    return False


@pytest.mark.parametrize("step", range(5))
def test_the_steps_of_a_new_run(window: MainWindow, step: int) -> None:
    window.wizard.show_step(step)
    assert nameless(window.wizard) == []


@pytest.mark.parametrize("method", ["dpo", "grpo", "distill"])
def test_the_settings_of_other_methods(window: MainWindow, method: str) -> None:
    window.draft.set("method", method)
    window.wizard.show_step(3)
    assert nameless(window.wizard.settings) == []


def test_the_other_places(window: MainWindow) -> None:
    for place in ("welcome", "runs", "data", "chat"):
        window.go(place)
    assert nameless(window) == []


def test_a_run(qtbot: QtBot, window: MainWindow) -> None:
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.charts.complete, timeout=20_000)
    assert nameless(page) == []


def test_the_help(qtbot: QtBot) -> None:
    window = HelpWindow()
    qtbot.addWidget(window)
    assert nameless(window) == []


def test_runs_beside_each_other_and_the_licences(qtbot: QtBot, window: MainWindow) -> None:
    show_comparison(qtbot, window)
    assert nameless(window) == []
    dialog = LicensesWindow()
    qtbot.addWidget(dialog)
    assert nameless(dialog) == []


def test_a_control_without_a_name_is_found(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    QLineEdit(page)
    assert nameless(page) == ["QLineEdit in QWidget"]
