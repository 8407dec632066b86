"""On every page and in every dialog: what a screen reader is told, where Tab goes, whether words have their room."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.shell.window import MainWindow
from app.widgets.labels import ElidedLabel
from tests.app.tours import TOURS

Role, Text = QAccessible.Role, QAccessible.Text
_MOST_ITEMS = 40  # of a table, of which all rows are alike
_SETTLE_MS, _PATIENCE = 250, 20  # a page is laid out one level after the other: how long to wait, and how often
_TEST = "test_each_control_is_told_and_reached_as_one_reads"
_LINKS = 60  # of a page of the help, where Tab stops too


@pytest.mark.parametrize("tour", TOURS)
def test_each_control_is_told_and_reached_as_one_reads(
    qtbot: QtBot, window: MainWindow, dataset: Path, tour: str
) -> None:
    window.resize(900, 600)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=60_000)
    faults = []
    for where, shown in TOURS[tour](qtbot, window, dataset):
        for _ in range(_PATIENCE):
            if not (cut := cut_words(shown)):
                break
            qtbot.wait(_SETTLE_MS)
        path = tab_path(shown)
        found = [*cut, *untold(shown), *unreached(shown, path), *out_of_order(shown, path)]
        faults += [f"{where}: {fault}" for fault in found]
    assert not faults, "\n".join(faults)


def test_the_same_in_german() -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "tests.app.in_german", f"{__file__}::{_TEST}"]
    result = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert result.returncode == 0, "\n".join(line for line in result.stdout.splitlines() if line.startswith("E  "))


def test_what_shows_a_state_says_it(qtbot: QtBot, window: MainWindow) -> None:
    page = window.runs.start(window.draft.run)
    page.health.show_health("bad", "The loss is no longer a number.")
    assert page.health.sentence.accessibleDescription() == "Problem"
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.result.isVisible(), timeout=20_000)
    assert "no GPU can be used" in page.badge.accessibleDescription()
    assert page.tabs.result.verdict.accessibleDescription() == "Verdict: better than before"


def test_what_is_not_told_is_found(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    layout = QVBoxLayout(page)
    for part in (QLineEdit(), QComboBox()):
        layout.addWidget(part)
    page.show()
    assert [fault.partition(")")[0] for fault in untold(page)] == ["QLineEdit (EditableText", "QComboBox (ComboBox"]


def untold(window: QWidget) -> list[str]:
    """What can have the keyboard, or heads a column, and says too little to a screen reader."""
    found = []
    for item in interfaces(QAccessible.queryAccessibleInterface(window)):
        name, description, role = item.text(Text.Name), item.text(Text.Description), item.role()
        widget = item.object()
        words = f"{type(widget).__name__} ({role.name}) “{name}”"
        if not (item.state().focusable or role == Role.ColumnHeader):
            continue
        if not name and role != Role.Cell:  # which may be empty
            found.append(f"{words} has no name")
        if role == Role.NoRole or (role == Role.Client and not description):
            found.append(f"{words} does not say what it shows")
        # Of a combo box Qt tells the value in the place of the name.
        if isinstance(widget, QComboBox) and widget.accessibleName() not in description:
            found.append(f"{words} does not say what is chosen there")
    for header in window.findChildren(QHeaderView):
        if header.focusPolicy() and not header.accessibleName():
            found.append(f"the headings of {header.parentWidget().accessibleName()} have no name")
    return found


def cut_words(window: QWidget) -> list[str]:
    """The words of labels and buttons that have less room than they need."""
    found = []
    for widget in window.findChildren(QWidget):
        if not widget.isVisible() or isinstance(widget, ElidedLabel):
            continue
        if isinstance(widget, QLabel) and widget.text():
            room = widget.heightForWidth(widget.width()) if widget.wordWrap() else widget.sizeHint().height()
            needed = 0 if widget.wordWrap() else widget.sizeHint().width()
            is_cut = widget.width() < needed or widget.height() < room
        elif isinstance(widget, QAbstractButton) and widget.text():
            is_cut = widget.width() < widget.sizeHint().width()
        else:
            continue
        if is_cut:
            found.append(f"{type(widget).__name__} “{widget.text()}” {widget.size().toTuple()}")
    return found


def interfaces(item: QAccessibleInterface | None) -> Iterator[QAccessibleInterface]:
    """What of a window is seen, as a screen reader goes through it."""
    if item is None or not item.isValid() or item.state().invisible:
        return
    yield item
    if item.role() != Role.MenuBar:
        for n in range(min(item.childCount(), _MOST_ITEMS) if item.role() == Role.Table else item.childCount()):
            yield from interfaces(item.child(n))


def tab_path(window: QWidget) -> list[QWidget]:
    """Where Tab goes in a window, once around."""
    window.setFocus()
    path: list[QWidget] = []
    links = 0
    while True:
        QTest.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        focus = window.focusWidget()
        if isinstance(focus, QTextBrowser) and path and path[-1] is focus and links < _LINKS:
            links += 1
            continue
        if focus is None or focus in path:
            return path
        path.append(focus)


def unreached(window: QWidget, path: list[QWidget]) -> list[str]:
    """What takes the keyboard by Tab, and Tab does not come to."""
    found = []
    for widget in window.findChildren(QWidget):
        takes = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled() and widget.isVisible()
        is_part = widget.focusProxy() is not None or isinstance(widget.parentWidget(), QComboBox)
        if takes and not is_part and widget.window() is window and widget not in path:
            found.append(f"{describe(widget)} is not reached")
    return found


def out_of_order(window: QWidget, path: list[QWidget]) -> list[str]:
    """The pairs of stops of which the second lies above the first, or on its line before it."""
    for area in window.findChildren(QScrollArea):
        area.verticalScrollBar().setValue(0)
    QApplication.processEvents()
    tops = [place(window, stop, stop).topLeft().toTuple()[::-1] for stop in path]
    is_sidebar = [isinstance(window, MainWindow) and window.sidebar.isAncestorOf(stop) for stop in path]
    start = min(range(len(path)), key=lambda n: (not is_sidebar[n], tops[n]), default=0)
    turned = path[start:] + path[:start]
    found = []
    for first, second in pairwise(turned):
        a, b = place(window, first, second), place(window, second, first)
        is_above = b.bottom() <= a.top() and b.left() < a.right()
        is_before = b.right() <= a.left() and b.bottom() > a.top() and a.bottom() > b.top()
        if is_above or is_before:
            found.append(f"{describe(second)} comes after {describe(first)}")
    return found


def place(window: QWidget, widget: QWidget, other: QWidget) -> QRect:
    """Where a widget stands, or the scroll area that holds it and not the other one."""
    shown = parent = widget
    while parent is not window:
        parent = parent.parentWidget()
        if isinstance(parent, QScrollArea) and not parent.isAncestorOf(other):
            shown = parent
    return QRect(shown.mapTo(window, QPoint(0, 0)), shown.size())


def describe(widget: QWidget) -> str:
    words = widget.accessibleName() or getattr(widget, "text", lambda: "")()
    return f"{type(widget).__name__} “{words}”"
