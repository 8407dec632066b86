"""Signs for who looks elsewhere: progress on the icon and in the title, a badge, a notification without names."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.shell import attention
from app.shell.application import Application
from app.shell.window import MainWindow
from app.style import theme


def filled(icon: QIcon) -> int:
    """How many pixels of the bar's middle line are filled."""
    image = icon.pixmap(128, 128).toImage()
    return sum(image.pixelColor(x, 108).blue() > 200 > image.pixelColor(x, 108).red() for x in range(128))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was asked of the desktop."""
    calls: list[object] = []
    monkeypatch.setattr(attention, "set_badge", lambda count: calls.append(count))
    monkeypatch.setattr(attention, "notify", lambda heading, sentence: calls.append(sentence))
    monkeypatch.setattr(QApplication, "alert", staticmethod(lambda window: calls.append("alert")))
    return calls


def test_a_run_that_ends_unseen_is_told_until_hone_is_in_front(
    qtbot: QtBot, qapp: Application, window: MainWindow, dataset: Path, told: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(window.attention, "is_in_front", lambda: False)
    window.draft.set("data.path", str(dataset))
    for count in (1, 2):
        told.clear()
        page = window.runs.start(window.draft.run)
        qtbot.waitUntil(lambda page=page: page.record.is_over and window.jobs.current is None)  # type: ignore[misc]
        assert told == [count, "alert", "SFT: Done"]
    qapp.applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)
    assert told[-1] == 0 and window.attention.ended_count == 0


def test_in_front_nothing_is_told(
    qtbot: QtBot, window: MainWindow, told: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.attention, "is_in_front", lambda: True)
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None)
    assert told == []


def test_a_minimized_window_is_not_in_front(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Application, "applicationState", staticmethod(lambda: Qt.ApplicationState.ApplicationActive))
    assert window.attention.is_in_front()
    window.showMinimized()
    assert not window.attention.is_in_front()


def test_the_icon_and_the_title_tell_how_far_it_is(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(theme, "NATIVE", True)
    assert window.windowTitle() == "Hone[*]" and filled(window.windowIcon()) == 0
    titles: list[tuple[str, bool]] = []
    window.windowTitleChanged.connect(lambda title: titles.append((title, window.isWindowModified())))
    window.runs.progressed.connect(
        lambda: window.status.show_soon.flush()
    )  # a run this short is over before it is shown
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None)
    assert any("% · Hone[*]" in title for title, _ in titles) and any(modified for _, modified in titles)
    qtbot.waitUntil(lambda: window.windowTitle() == "Hone[*]" and not window.isWindowModified())
    half, whole = (filled(attention.progress_icon(share)) for share in (0.5, 1.0))
    assert 40 < half < whole and abs(2 * half - whole) <= 18  # the round ends of the line


def test_the_badge_goes_to_the_program(qapp: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(Application, "setBadgeNumber", lambda self, count: counts.append(count))
    attention.set_badge(3)
    assert counts == [3]


def test_the_title_bar_names_the_file_of_the_page(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    window.draft.set("data.path", str(dataset))
    assert window.windowFilePath() == str(dataset)
    window.go("runs")
    assert window.windowFilePath() == ""
    page = window.runs.start(window.draft.run)
    assert window.windowFilePath() == str(page.folder)
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None)
