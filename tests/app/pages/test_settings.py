"""Settings: each choice is that of the menus, in both directions; every folder is where the core keeps its files."""

from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.desktop import preferences, reveal
from app.new_run.downloads_dialog import DownloadsDialog
from app.new_run.token_dialog import TokenDialog
from app.pages.settings import SettingsWindow
from app.shell.window import MainWindow
from app.style import theme
from core import update_check
from core.data.tokenize.cache import cache_folder
from core.run import runs_folder


@pytest.fixture
def settings(window: MainWindow) -> SettingsWindow:
    trigger(window, "&File", "&Settings…")
    return window.findChild(SettingsWindow)


def menu(window: MainWindow, *titles: str) -> QMenu:
    found = window.menuBar()
    for title in titles:
        (action,) = [action for action in found.actions() if action.text() == title]
        found = action.menu()
    return found


def trigger(window: MainWindow, *titles: str) -> None:
    (action,) = [action for action in menu(window, *titles[:-1]).actions() if action.text() == titles[-1]]
    action.trigger()


def checked(actions: list[QAction]) -> list[str]:
    return [action.text() for action in actions if action.isChecked()]


def test_appearance_is_one_setting_at_two_places(window: MainWindow, settings: SettingsWindow, qtbot: QtBot) -> None:
    box, mode = settings.general.theme, theme.current_mode(QApplication.instance())
    assert [box.itemText(n) for n in range(box.count())] == ["As the system", "Light", "Dark"]
    themes = menu(window, "&View", "&Theme").actions()
    try:
        qtbot.keyClick(box, "d")  # as a person types to it
        assert box.currentText() == "Dark"
        assert checked(themes) == ["&Dark"] and preferences.theme() == "dark"
        assert theme.colours(theme.palette()).dark
        trigger(window, "&View", "&Theme", "&Light")
        assert box.currentText() == "Light" and preferences.theme() == "light"
        assert not theme.colours(theme.palette()).dark
    finally:
        theme.apply(QApplication.instance(), mode)


def test_the_language_is_one_setting_at_two_places(window: MainWindow, settings: SettingsWindow, qtbot: QtBot) -> None:
    box = settings.general.language
    assert [box.itemText(n) for n in range(box.count())] == ["As the system", "English", "Deutsch"]
    qtbot.keyClick(box, "d")
    assert preferences.language() == "de"
    assert checked(menu(window, "&View", "&Language (from the next start)").actions()) == ["Deutsch"]
    trigger(window, "&View", "&Language (from the next start)", "As the &system")
    assert box.currentText() == "As the system" and preferences.language() == "system"


def test_updates_are_switched_at_both_places(window: MainWindow, settings: SettingsWindow) -> None:
    was = update_check.read_updates().wanted
    assert settings.general.updates.isChecked() == was
    settings.general.updates.click()
    assert update_check.read_updates().wanted == (not was)
    trigger(window, "&Help", "Look for &updates once a day")
    assert update_check.read_updates().wanted == was
    assert settings.general.updates.isChecked() == was


def test_the_token_and_the_downloads_have_their_dialogs(settings: SettingsWindow, qtbot: QtBot) -> None:
    settings.general.token.click()
    assert settings.findChild(TokenDialog).isVisible()
    settings.general.models.click()
    dialog = settings.findChild(DownloadsDialog)
    assert dialog.isVisible()
    qtbot.waitUntil(lambda: dialog.summary.text() != "Reading…")


def test_folders_are_those_of_the_core(settings: SettingsWindow, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    shown: list[Path] = []
    monkeypatch.setattr(reveal, "reveal", shown.append)
    lines = settings.general.lines
    from huggingface_hub import constants

    assert lines["runs"].note.text() == str(runs_folder()) == lines["runs"].note.toolTip()
    assert lines["models"].note.text() == constants.HF_HUB_CACHE
    assert lines["rows"].note.text() == str(cache_folder())
    assert not runs_folder().exists()
    lines["runs"].control.click()
    assert shown == [runs_folder()] and runs_folder().is_dir()


def test_asking_for_the_settings_again_shows_the_same_window(window: MainWindow, settings: SettingsWindow) -> None:
    trigger(window, "&File", "&Settings…")
    assert len(window.findChildren(SettingsWindow)) == 1
