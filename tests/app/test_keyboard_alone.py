"""From Welcome to Done with the keyboard alone: Tab reaches what is needed, and keys set it off."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app.new_run import check_step
from app.new_run.check import GOOD, MEASURED, Check
from app.pages.run import RunPage
from app.shell.window import MainWindow
from tests.app.conftest import play_script

pytestmark = pytest.mark.usefixtures("idle_work")

Key, Ctrl = Qt.Key, Qt.KeyboardModifier.ControlModifier
_MOST = 60  # presses of Tab: whoever needs more gives up


class Typist:
    """Presses keys in the window; whatever has the keyboard gets them."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self._qtbot, self._window = qtbot, window

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self._qtbot.keyClick(QApplication.focusWidget() or self._window, key, modifier)
        QApplication.processEvents()

    def tab_to(self, goal: QWidget, back: bool = False) -> None:
        """Press Tab until `goal` has the keyboard."""
        passed = []
        for _ in range(_MOST):
            focus = QApplication.focusWidget()
            if focus is goal:
                assert goal.isVisible() and not goal.visibleRegion().isEmpty(), (
                    "it has the keyboard and is out of sight"
                )
                return
            passed.append(f"{type(focus).__name__} “{focus.accessibleName() if focus else ''}”")
            self.press(Key.Key_Backtab if back else Key.Key_Tab)
        raise AssertionError(f"Tab never reaches {goal}: {passed}")


@pytest.fixture
def typist(qtbot: QtBot, window: MainWindow) -> Typist:
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    return Typist(qtbot, window)


def test_from_welcome_to_done(
    qtbot: QtBot, window: MainWindow, typist: Typist, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [Check(MEASURED, GOOD, "A step took 1 s.")]
    monkeypatch.setattr(check_step, "measure_run", lambda run, stop: (check for check in checks))
    wizard = window.wizard
    typist.press(Key.Key_1, Ctrl)
    window.go("welcome")
    QApplication.clipboard().setText(str(dataset))
    typist.press(Key.Key_V, Ctrl)
    qtbot.waitUntil(wizard.data.isVisible)
    assert window.draft.run.data.path == str(dataset)
    qtbot.waitUntil(lambda: not wizard.data.blocked_reason(), timeout=20_000)
    for step in (wizard.model, wizard.settings, wizard.check):
        typist.tab_to(wizard.next_button)
        typist.press(Key.Key_Space)
        qtbot.waitUntil(step.isVisible)
        qtbot.waitUntil(lambda: not wizard.current.blocked_reason(), timeout=20_000)
    qtbot.waitUntil(wizard.check.start_button.isEnabled, timeout=20_000)
    assert QApplication.focusWidget() is wizard.check.start_button  # where Next had it
    assert wizard.check.start_button.shows_focus
    typist.press(Key.Key_Space)
    page = window.stack.currentWidget()
    assert isinstance(page, RunPage)
    assert QApplication.focusWidget() is page.tabs.bar  # and on no button that stops the run
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.charts.complete, timeout=20_000)
    assert page.record.finished is not None and page.tabs.result.isVisible()
    typist.tab_to(page.tabs.result.chat_button)
    typist.press(Key.Key_Space)
    assert window.chat_page.isVisible()
    typist.tab_to(window.chat_page.view.question)


def test_tab_goes_through_a_step_before_its_foot(qtbot: QtBot, window: MainWindow, typist: Typist) -> None:
    wizard = window.wizard
    for name in ("goal", "data", "model", "settings"):
        wizard.show_named(name)
        wizard.rail.findChildren(QAbstractButton)[0].setFocus()
        passed = []
        while (focus := QApplication.focusWidget()) is not wizard.drafts:
            assert len(passed) < _MOST
            passed.append(focus)
            typist.press(Key.Key_Tab)
        assert any(wizard.current.isAncestorOf(widget) for widget in passed), name
        typist.tab_to(wizard.next_button)
        typist.press(Key.Key_Tab)
        assert not wizard.current.isAncestorOf(QApplication.focusWidget())


def test_tab_goes_through_a_conversation_before_its_field(qtbot: QtBot, window: MainWindow, typist: Typist) -> None:
    window.go("chat")
    view = window.chat_page.view
    (answer,) = view.add_turn("A question", ["A model"])
    answer.finish("<think>So.</think> An answer.")
    qtbot.waitUntil(answer.copy_button.isVisible)
    view.question.setFocus()
    typist.press(Key.Key_Backtab)
    assert answer.isAncestorOf(QApplication.focusWidget())
    typist.tab_to(answer.thinking_button, back=True)
    typist.press(Key.Key_Space)
    assert answer.thinking.isVisible()
    typist.tab_to(view.question)


def test_the_check_where_tab_stops_nowhere_leads_to_its_foot(
    qtbot: QtBot, window: MainWindow, typist: Typist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_step, "measure_run", lambda run, stop: iter(()))
    wizard = window.wizard
    wizard.show_named("settings")
    typist.tab_to(wizard.settings.tabs.bar)
    typist.press(Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(wizard.check.isVisible)
    assert QApplication.focusWidget() in (wizard.check.start_button, wizard.back_button)


def test_the_keyboard_stays_where_files_are_chosen(
    qtbot: QtBot, window: MainWindow, typist: Typist, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = window.wizard.data
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(dataset)], ""))
    window.wizard.show_named("data")
    typist.tab_to(step.zone.choose_button)
    typist.press(Key.Key_Space)
    qtbot.waitUntil(lambda: not step.zone.isVisible())
    assert QApplication.focusWidget() is step.file.choose_other


def test_a_goal_is_chosen_with_the_arrows(qtbot: QtBot, window: MainWindow, typist: Typist) -> None:
    window.wizard.show_named("goal")
    cards = window.wizard.goal.cards.cards
    typist.tab_to(cards["sft"].radio)
    typist.press(Key.Key_Down)
    assert window.draft.run.method != "sft"
    assert QApplication.focusWidget() is cards[window.draft.run.method].radio
    typist.press(Key.Key_Right, Qt.KeyboardModifier.AltModifier)  # to the next step
    qtbot.waitUntil(window.wizard.data.isVisible)


def test_a_run_under_way_has_keys(qtbot: QtBot, window: MainWindow, typist: Typist) -> None:
    """A checkpoint from its page, and stopping from everywhere."""
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 100_000)
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.last_step is not None)
    typist.tab_to(page.buttons.checkpoint)
    typist.press(Key.Key_Space)
    typist.press(Key.Key_2, Ctrl)
    assert window.runs_page.isVisible()
    typist.press(Key.Key_Period, Ctrl)
    qtbot.waitUntil(lambda: page.record.is_over)
    assert page.record.finished is not None and page.record.finished.reason == "stopped"
