"""The menu bar. Every action carries a role of its own, or macOS would move those it takes for "settings"."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QWidget

from app.desktop import language, preferences
from app.desktop.language import tr
from app.shell import edit_commands
from app.shell.recent import RecentMenu
from app.shell.updates import are_wanted
from app.style import theme


@dataclass(frozen=True)
class Actions:
    """The actions that are possible at times only; the window enables and disables them."""

    start: QAction
    pause: QAction
    stop: QAction
    checkpoint: QAction

    @property
    def of_runs(self) -> tuple[QAction, QAction, QAction]:
        """Those for the run in training."""
        return self.pause, self.stop, self.checkpoint


@dataclass(frozen=True)
class Choices:
    """What a person chooses in the menus; the settings offer the same."""

    themes: QActionGroup
    languages: QActionGroup
    updates: QAction


class MenuBar:
    """Builds the menu bar of a window. `commands` maps the name of a command to the function that carries it out."""

    def __init__(
        self, window: QMainWindow, commands: dict[str, Callable[[], object]], open_recent: Callable[[Path], None]
    ) -> None:
        self._window, self._commands, self._open_recent = window, commands, open_recent
        self._edited: QWidget | None = None  # while the Edit menu is open
        self._add_file_menu()
        self._add_edit_menu()
        themes, languages = self._add_view_menu()
        self.actions = self._add_run_menu()
        self._add_window_menu()
        self._choices = Choices(themes, languages, self._add_help_menu())

    def read_choices(self) -> Choices:
        """The choices, with what is chosen by now."""
        self._choices.updates.setChecked(are_wanted())
        return self._choices

    def _add_action(
        self,
        menu: QMenu,
        text: str,
        command: Callable[[], object],
        keys: str | QKeySequence.StandardKey | None = None,
        role: QAction.MenuRole = QAction.MenuRole.NoRole,
    ) -> QAction:
        action = QAction(text, self._window)
        action.setMenuRole(role)
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda *_: command())
        menu.addAction(action)
        return action

    def _add_menu(self, title: str) -> QMenu:
        menu = self._window.menuBar().addMenu(title)
        menu.menuAction().setMenuRole(QAction.MenuRole.NoRole)
        return menu

    def _add_file_menu(self) -> None:
        menu, key = self._add_menu(tr("&File")), QKeySequence.StandardKey
        self._add_action(menu, tr("&New run"), self._commands["begin"], key.New)
        self._add_action(menu, tr("Open &data…"), self._commands["open_data"], key.Open)
        self._add_action(menu, tr("Open &run…"), self._commands["open_run"], "Ctrl+Shift+O")
        self._add_action(menu, tr("&Use an adapter…"), self._commands["use_adapter"])
        self.recent = RecentMenu(self._open_recent)
        menu.addMenu(self.recent)
        menu.addSeparator()
        preferences_role = QAction.MenuRole.PreferencesRole
        self._add_action(menu, tr("&Settings…"), self._commands["settings"], "Ctrl+,", preferences_role)
        self._add_action(menu, tr("&Close window"), self._window.close, key.Close)
        role = QAction.MenuRole.QuitRole
        self.quit = self._add_action(menu, tr("&Quit Hone"), self._commands["quit"], key.Quit, role)

    def _add_edit_menu(self) -> None:
        menu, key = self._add_menu(tr("&Edit")), QKeySequence.StandardKey
        of_text: list[QAction] = []
        for text, slot, keys in (
            (tr("&Undo"), "undo", key.Undo), (tr("&Redo"), "redo", key.Redo), ("", "", None),
            (tr("Cu&t"), "cut", key.Cut),
            (tr("&Copy"), "copy", key.Copy), (tr("&Paste"), "paste", key.Paste),
            (tr("Select &all"), "selectAll", key.SelectAll),
        ):  # fmt: skip
            if text == tr("&Paste"):
                self._add_action(menu, text, self._paste, keys)
            elif text:
                of_text.append(self._add_action(menu, text, partial(self._edit, slot), keys))
                of_text[-1].setData(slot)
            else:
                menu.addSeparator()
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(lambda: self._open_edit_menu(of_text))
        menu.aboutToHide.connect(lambda: QTimer.singleShot(0, menu, lambda: self._close_edit_menu(of_text)))

    def _open_edit_menu(self, of_text: list[QAction]) -> None:
        """Keep what the entries are for: opened by its key, the menu bar takes the keyboard from it."""
        self._edited = edit_commands.find_target()
        for action in of_text:
            _explain(action, edit_commands.takes(action.data(), self._edited))

    def _close_edit_menu(self, of_text: list[QAction]) -> None:
        """What was chosen has been done; the keys of the entries go to the field that has the keyboard."""
        self._edited = None
        for action in of_text:
            _explain(action, True)

    def _edit(self, slot: str) -> bool:
        return edit_commands.send(slot, edit_commands.find_target() or self._edited)

    def _paste(self) -> None:
        """Paste into the text field that has the keyboard; without one, as files or rows into the window."""
        if not self._edit("paste"):
            self._commands["paste"]()

    def _add_view_menu(self) -> tuple[QActionGroup, QActionGroup]:
        """Returns the themes and the languages."""
        menu = self._add_menu(tr("&View"))
        places = (
            (tr("&Welcome"), "welcome"), (tr("&New run"), "new"), (tr("&Runs"), "runs"), (tr("&Data"), "data"),
            (tr("&Chat"), "chat"),
        )  # fmt: skip
        for n, (text, name) in enumerate(places):
            self._add_action(menu, text, self._commands[name], f"Ctrl+{n}")
        menu.addSeparator()
        theme_menu = _add_submenu(menu, tr("&Theme"))
        group = QActionGroup(self._window)
        app = QApplication.instance()
        current = theme.current_mode(app) if isinstance(app, QApplication) else "system"
        for mode, text in (("system", tr("As the &system")), ("light", tr("&Light")), ("dark", tr("&Dark"))):
            action = self._add_action(theme_menu, text, partial(_choose_theme, mode))
            action.setCheckable(True)
            action.setChecked(mode == current)
            group.addAction(action)
        return group, self._add_language_menu(menu)

    def _add_language_menu(self, view_menu: QMenu) -> QActionGroup:
        """Languages by their own names. The choice holds from the next start: texts are made as the window is."""
        menu = _add_submenu(view_menu, tr("&Language (from the next start)"))
        group = QActionGroup(self._window)
        for code, name in (("system", tr("As the &system")), *language.LANGUAGES.items()):
            action = self._add_action(menu, name, partial(preferences.set_language, code))
            action.setCheckable(True)
            action.setChecked(code == preferences.language())
            group.addAction(action)
        return group

    def _add_run_menu(self) -> Actions:
        menu = self.run_menu = self._add_menu(tr("&Run"))
        menu.setToolTipsVisible(True)  # why an entry is grey
        start = self._add_action(menu, tr("&Start"), self._commands["start"], "Ctrl+R")
        pause = self._add_action(menu, tr("&Pause"), self._commands["pause"], "Ctrl+Shift+P")
        stop = self._add_action(menu, tr("Stop and &keep"), self._commands["stop"], "Ctrl+.")
        checkpoint = self._add_action(menu, tr("&Checkpoint now"), self._commands["checkpoint"], "Ctrl+K")
        return Actions(start, pause, stop, checkpoint)

    def _add_window_menu(self) -> None:
        menu = self._add_menu(tr("&Window"))
        self._add_action(menu, tr("&Minimize"), self._window.showMinimized, "Ctrl+M")
        self._add_action(menu, tr("&Zoom"), lambda: _zoom(self._window))
        self._add_action(menu, tr("Bring all to &front"), _raise_all)

    def _add_help_menu(self) -> QAction:
        """Returns the switch of the updates."""
        menu = self._add_menu(tr("&Help"))
        self._add_action(
            menu, tr("&Methods, options and models"), self._commands["help"], QKeySequence.StandardKey.HelpContents
        )
        self._add_action(menu, tr("Show &log files"), self._commands["logs"])
        look = self._add_action(menu, tr("Look for &updates once a day"), self._commands["updates"])
        look.setCheckable(True)
        menu.aboutToShow.connect(lambda: look.setChecked(are_wanted()))
        self._add_action(menu, tr("&About Hone"), self._commands["about"], role=QAction.MenuRole.AboutRole)
        return look


def _add_submenu(menu: QMenu, title: str) -> QMenu:
    submenu = menu.addMenu(title)
    submenu.menuAction().setMenuRole(QAction.MenuRole.NoRole)
    return submenu


def _explain(action: QAction, is_possible: bool) -> None:
    """Grey what edits text while no text field has the keyboard, and say so."""
    action.setEnabled(is_possible)
    words = action.text().replace("&", "")
    action.setToolTip(words if is_possible else tr("No text field has the keyboard."))


def _choose_theme(mode: str) -> None:
    preferences.set_theme(mode)
    app = QApplication.instance()
    if isinstance(app, QApplication):
        theme.apply(app, mode)


def _zoom(window: QMainWindow) -> None:
    if window.isMaximized():
        window.showNormal()
    else:
        window.showMaximized()


def _raise_all() -> None:
    for window in QApplication.topLevelWidgets():
        if window.isWindow() and window.isVisible():
            window.raise_()
