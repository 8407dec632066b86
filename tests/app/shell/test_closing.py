"""Closing and quitting while a run trains. The Mac's way is tried here without a Mac: a flag stands for it."""

from collections.abc import Iterator
from threading import Event

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.pages.run import RunPage
from app.shell.application import Application
from app.shell.window import MainWindow
from app.threads.task import Task
from app.widgets.message_box import MessageBox
from tests.app.conftest import play_script

ACTIVE = Qt.ApplicationState.ApplicationActive


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPage]:
    """The page of a run that lasts until it is stopped; closing asks its question."""
    monkeypatch.undo()
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 100_000)
    run_page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: run_page.record.last_step is not None)
    yield run_page
    QApplication.setQuitOnLastWindowClosed(True)


def press(window: MainWindow, words: str) -> None:
    (box,) = [box for box in window.findChildren(MessageBox) if box.isVisible()]
    assert box.windowModality() == Qt.WindowModality.WindowModal  # a sheet on a Mac
    next(button for button in box.buttons if button.text() == words).click()


def is_training(page: RunPage) -> bool:
    return page.live is not None and page.live.is_running


def test_it_goes_on_in_a_minimized_window(window: MainWindow, page: RunPage) -> None:
    window.close()
    window.close()  # a second time while the question stands
    press(window, "Keep training, minimized")
    assert window.isMinimized() and is_training(page)
    window.showNormal()
    window.close()
    press(window, "Cancel")
    assert window.isVisible() and not window.isMinimized() and is_training(page)


def test_it_is_stopped_and_saved(qtbot: QtBot, window: MainWindow, page: RunPage) -> None:
    window.menus.quit.trigger()
    press(window, "Stop, save and quit")
    assert window.overlay.accessibleName() == "Saving what it has learned…"
    qtbot.waitUntil(lambda: not window.isVisible())
    assert window.threads_ended
    assert page.record.finished is not None and page.record.finished.reason == "stopped"


def test_on_a_mac_the_run_goes_on_in_the_dock(
    qtbot: QtBot, qapp: Application, window: MainWindow, page: RunPage
) -> None:
    window.closing.keeps_in_dock = True
    window.close()
    assert window.isHidden() and is_training(page) and not QApplication.quitOnLastWindowClosed()
    assert not window.findChildren(MessageBox)
    qapp.applicationStateChanged.emit(ACTIVE)  # as a click on the Dock's icon does
    assert window.isVisible() and QApplication.quitOnLastWindowClosed()
    window.close()
    window.menus.quit.trigger()  # asks in the window, which comes back for it
    assert window.isVisible()
    press(window, "Cancel")
    assert is_training(page)


def test_the_dock_and_the_session_quit_through_the_question(
    qtbot: QtBot, qapp: Application, window: MainWindow, page: RunPage
) -> None:
    qapp.ask_before_quit(window.closing.may_quit)
    try:
        event = QEvent(QEvent.Type.Quit)
        qapp.event(event)
        assert not event.isAccepted() and is_training(page)
        press(window, "Stop, save and quit")
        qtbot.waitUntil(lambda: not window.isVisible())
        assert window.closing.may_quit()
    finally:
        qapp.ask_before_quit(lambda: True)


def test_without_a_run_nothing_is_asked(window: MainWindow) -> None:
    window.closing.keeps_in_dock = True
    assert window.ask_to_quit() and not window.isVisible()


@pytest.mark.parametrize("in_dock", [False, True])
def test_while_a_result_is_saved_it_is_asked(qtbot: QtBot, window: MainWindow, in_dock: bool) -> None:
    window.closing.keeps_in_dock = in_dock
    ends = Event()
    window.jobs.note_export(Task(window, ends.wait))
    try:
        assert not window.ask_to_quit() and not window.close()  # one question, however often
        press(window, "Cancel")
        assert window.isVisible() and window.jobs.export is not None
        window.close()
        ends.set()
        press(window, "Stop and quit")
        qtbot.waitUntil(lambda: not window.isVisible())
    finally:
        ends.set()
    qtbot.waitUntil(lambda: window.jobs.export is None)
