"""Every page has room in a small window: nothing of it is pushed out or laid over its neighbour."""

from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.new_run.data_step import DataStep
from app.new_run.draft import Draft
from app.shell.sidebar import PLACES
from app.shell.window import MainWindow


def is_pushed(page: QWidget) -> bool:
    """Whether a page needs more room than it has."""
    needed = page.minimumSizeHint()
    return needed.width() > page.width() or needed.height() > page.height()


@pytest.mark.usefixtures("idle_work")
@pytest.mark.parametrize("size", [QSize(1024, 700), QSize(900, 600)])
def test_each_page_has_room(qtbot: QtBot, window: MainWindow, dataset: Path, size: QSize) -> None:
    window.resize(size)
    pushed = []
    for place, *_ in PLACES:
        window.go(place)
        qtbot.wait(100)
        if is_pushed(window.stack.currentWidget()):
            pushed.append(place)
    window.open_files([dataset])
    qtbot.waitUntil(lambda: window.wizard.data.scanned is not None)
    for step in ("goal", "data", "model", "settings", "check"):
        window.wizard.show_named(step)
        qtbot.wait(100)
        if is_pushed(window.wizard.current):
            pushed.append(step)
    assert pushed == []
    assert window.size() == size


def test_a_data_step_that_has_read_nothing_asks_for_little_room(qtbot: QtBot) -> None:
    """It is made in advance and hidden, and its room counts as the wizard's."""
    step = DataStep(Draft())
    qtbot.addWidget(step)
    assert step.minimumSizeHint().height() < 400


def test_rows_have_room_while_their_columns_are_mapped(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    window.resize(900, 600)
    window.open_files([dataset])
    step = window.wizard.data
    qtbot.waitUntil(lambda: step.scanned is not None)
    assert step.validation.isVisible()
    step.columns.show()
    qtbot.waitUntil(lambda: step.preview.rows.table.height() >= 96)  # the heading and two rows
    assert not step.validation.isVisible()
    step.columns.hide()
    qtbot.waitUntil(step.validation.isVisible)
    step.columns.show()
    window.resize(1280, 800)
    qtbot.waitUntil(step.validation.isVisible)
