"""File > Open recent: datasets and runs, what is gone is told, and the list can be cleared."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar
from pytestqt.qtbot import QtBot

from app.desktop import preferences
from app.shell import recent
from app.shell.window import MainWindow
from core.run import DEMO


def actions(window: MainWindow) -> dict[str, QAction]:
    window.menus.recent.fill()
    return {action.text(): action for action in window.menus.recent.actions() if action.text()}


def test_datasets_and_runs_are_remembered(qtbot: QtBot, window: MainWindow, dataset: Path, tmp_path: Path) -> None:
    assert not actions(window)["&Clear menu"].isEnabled()
    window.open_files([dataset])
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None)
    assert list(actions(window)) == [page.folder.name, "mine.jsonl", "&Clear menu"]
    window.draft.set("data.path", DEMO)  # the sample data are no file of one's own
    window.draft.set("data.path", "someone/a-dataset")
    assert len(actions(window)) == 3
    window.go("welcome")
    actions(window)[page.folder.name].trigger()
    assert window.windowFilePath() == str(page.folder)
    actions(window)["mine.jsonl"].trigger()
    assert window.draft.run.data.path == str(dataset) and window.wizard.data.isVisible()
    actions(window)["&Clear menu"].trigger()
    assert list(actions(window)) == ["&Clear menu"]


def test_what_is_gone_is_told_and_leaves_the_list(
    window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "app.shell.window.show_message", lambda parent, heading, sentence: messages.append((heading, sentence))
    )
    window.open_files([dataset])
    dataset.unlink()
    actions(window)["mine.jsonl"].trigger()
    ((heading, sentence),) = messages
    assert heading == "mine.jsonl is not there any more." and str(dataset.parent) in sentence
    assert "mine.jsonl" not in actions(window)


def test_files_of_one_name_are_told_apart_and_the_list_is_short(tmp_path: Path, window: MainWindow) -> None:
    for name in [f"{n}.jsonl" for n in range(recent.MOST)] + ["a/x&y.jsonl", "b/x&y.jsonl", "a/x&y.jsonl"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        recent.remember(tmp_path / name)
    names = list(actions(window))
    assert names[:3] == ["x&&y.jsonl in a", "x&&y.jsonl in b", f"{recent.MOST - 1}.jsonl"]
    assert len(preferences.recent_paths()) == recent.MOST
    shutil.rmtree(tmp_path / "a")
    recent.remember(tmp_path / "a/x&y.jsonl")  # not there: nothing changes
    assert list(actions(window)) == names


def test_every_action_has_a_role_of_its_own(window: MainWindow) -> None:
    def below(menu: QMenuBar | QMenu) -> Iterator[QAction]:
        for action in menu.actions():
            yield action
            submenu = action.menu()
            if isinstance(submenu, QMenu):
                yield from below(submenu)

    window.menus.recent.fill()
    none, found = QAction.MenuRole.NoRole, [action for action in below(window.menuBar()) if not action.isSeparator()]
    special = {action.text(): action.menuRole() for action in found if action.menuRole() != none}
    assert special == {
        "&Settings…": QAction.MenuRole.PreferencesRole,
        "&Quit Hone": QAction.MenuRole.QuitRole,
        "&About Hone": QAction.MenuRole.AboutRole,
    }
    assert len(found) > 30
