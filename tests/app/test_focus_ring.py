"""Whatever takes the keyboard shows it: each control of every page paints another picture with the focus."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app.shell.licenses_window import LicensesWindow
from app.shell.window import MainWindow
from app.style import theme
from app.widgets.buttons import plain_button
from app.widgets.card import vbox
from app.widgets.choice_card import ChoiceCard
from app.widgets.tabs import Tabs
from tests.app.pages.test_compare import show_comparison

_AROUND = 4  # pixels around a control, where its card may paint the ring
_LEAST = 40  # pixels that a ring changes; a blinking cursor changes about 20


def unmarked(window: QWidget, page: QWidget) -> list[str]:
    """The controls of a page that look the same with the keyboard as without it."""
    found = []
    for widget in page.findChildren(QWidget):
        if not isValid(widget):  # a list that was filled anew meanwhile
            continue
        takes = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled() and widget.focusProxy() is None
        if not takes or not widget.isVisible() or widget.visibleRegion().isEmpty():
            continue
        if isinstance(widget.parentWidget(), QScrollArea) or widget.window() is not window:
            continue
        widget.clearFocus()
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        if QApplication.focusWidget() is not widget:
            continue
        card = widget.parentWidget()
        shown = card if isinstance(card, ChoiceCard) else widget
        place = QRect(shown.mapTo(window, QPoint(0, 0)), shown.size()).adjusted(-_AROUND, -_AROUND, _AROUND, _AROUND)
        with_ring = window.grab(place).toImage()
        widget.clearFocus()
        QApplication.processEvents()
        without = window.grab(place).toImage()
        differing = int(np.count_nonzero(pixels(with_ring) != pixels(without)))
        if differing < _LEAST:
            words = widget.accessibleName() or getattr(widget, "text", lambda: "")()
            found.append(f"{type(widget).__name__} “{words}” in {type(widget.parentWidget()).__name__}: {differing}")
    return found


def pixels(image: QImage) -> np.ndarray:
    """A picture's pixels, each as one number."""
    picture = image.convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(picture.constBits(), np.uint32).copy()


def each_tab(tabs: Tabs) -> Iterator[int]:
    """Show one tab after the other."""
    for index in range(tabs.bar.count()):
        if tabs.bar.isTabVisible(index):
            tabs.bar.setCurrentIndex(index)
            yield index


@pytest.fixture(autouse=True)
def active(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("step", range(5))
def test_the_steps_of_a_new_run(qtbot: QtBot, qapp: QApplication, window: MainWindow, step: int, mode: str) -> None:
    theme.apply(qapp, mode)
    window.wizard.show_step(step)
    qtbot.wait(200)
    assert unmarked(window, window) == []


@pytest.mark.parametrize("place", ["welcome", "data", "runs", "chat"])
def test_the_other_places(qtbot: QtBot, window: MainWindow, place: str) -> None:
    window.go(place)
    qtbot.wait(200)
    assert unmarked(window, window) == []


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_all_settings(qtbot: QtBot, window: MainWindow, method: str) -> None:
    window.draft.set("method", method)
    window.wizard.show_step(3)
    for _ in each_tab(window.wizard.settings.tabs):
        qtbot.wait(50)
        assert unmarked(window, window.wizard.settings) == []


def test_the_rows_of_a_dataset(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    window.open_files([dataset])
    preview = window.wizard.data.preview
    qtbot.waitUntil(lambda: preview.isVisible())
    for _ in each_tab(preview.tabs):
        qtbot.wait(100)
        assert unmarked(window, window.wizard.data) == []


def test_the_help(qtbot: QtBot, window: MainWindow) -> None:
    window.navigation.show_help()
    assert window.navigation.help is not None
    window.navigation.help.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window.navigation.help)
    assert unmarked(window.navigation.help, window.navigation.help) == []


def test_the_licences(qtbot: QtBot) -> None:
    dialog = LicensesWindow()
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is dialog and bool(dialog.licenses), timeout=20_000)
    assert unmarked(dialog, dialog) == []


def test_runs_beside_each_other(qtbot: QtBot, window: MainWindow) -> None:
    show_comparison(qtbot, window)
    assert unmarked(window, window) == []


def test_a_run(qtbot: QtBot, window: MainWindow) -> None:
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.charts.complete, timeout=20_000)
    for _ in each_tab(page.tabs):
        qtbot.wait(100)
        assert unmarked(window, page) == []


@pytest.mark.parametrize("by_mouse", [True, False])
def test_a_click_that_takes_its_button_away_leaves_no_ring_on_the_next(qtbot: QtBot, by_mouse: bool) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    layout = vbox(page)
    first, second = plain_button("goes"), plain_button("stays")
    layout.addWidget(first)
    layout.addWidget(second)
    first.clicked.connect(first.hide)
    page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    first.setFocus()
    if by_mouse:
        qtbot.mouseClick(first, Qt.MouseButton.LeftButton)
    else:
        qtbot.keyClick(first, Qt.Key.Key_Space)
    assert second.hasFocus()
    with_focus = second.grab().toImage()
    second.clearFocus()
    assert (with_focus == second.grab().toImage()) is by_mouse
