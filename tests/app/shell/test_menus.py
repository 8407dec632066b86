"""The View menu leads to every place of the sidebar, each with a key."""

from PySide6.QtGui import QAction

from app.pages.settings import SettingsWindow
from app.shell.sidebar import PLACES
from app.shell.window import MainWindow


def test_each_place_has_its_key(window: MainWindow) -> None:
    (view,) = [menu for menu in window.menuBar().actions() if menu.text() == "&View"]
    actions = [action for action in view.menu().actions() if action.shortcut().toString().startswith("Ctrl+")]
    assert [action.shortcut().toString() for action in actions] == [f"Ctrl+{n}" for n in range(5)]
    shown = []
    for action in actions:
        action.trigger()
        shown.append(window.stack.shown())
        assert action.menuRole() == QAction.MenuRole.NoRole
    assert shown == [place[0] for place in PLACES]


def test_the_settings_open_by_their_key(window: MainWindow) -> None:
    (file,) = [menu for menu in window.menuBar().actions() if menu.text() == "&File"]
    (settings,) = [action for action in file.menu().actions() if action.text() == "&Settings…"]
    assert settings.shortcut().toString() == "Ctrl+,"
    assert settings.menuRole() == QAction.MenuRole.PreferencesRole
    settings.trigger()
    assert window.findChild(SettingsWindow).isVisible()
