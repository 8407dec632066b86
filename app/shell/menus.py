"""The menu bar. Every action carries a role of its own, or macOS would move those it takes for "settings"."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow, QMenu, QPlainTextEdit, QTextEdit

from app.desktop import preferences
from app.style import theme


@dataclass(frozen=True)
class Actions:
    """The actions that are not always possible; the window switches them on and off."""

    start: QAction
    stop: QAction
    checkpoint: QAction


class Menus:
    """Builds the menu bar of a window; `do` maps an action's name to what it does."""

    def __init__(self, window: QMainWindow, do: dict[str, Callable[[], None]]) -> None:
        self._window, self._do = window, do
        self._file()
        self._edit()
        self._view()
        self.actions = self._run()
        self._window_menu()
        self._help()

    def _add(
        self,
        menu: QMenu,
        text: str,
        do: Callable[[], object],
        keys: str | QKeySequence.StandardKey | None = None,
        role: QAction.MenuRole = QAction.MenuRole.NoRole,
    ) -> QAction:
        action = QAction(text, self._window)
        action.setMenuRole(role)
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda *_: do())
        menu.addAction(action)
        return action

    def _menu(self, title: str) -> QMenu:
        menu = self._window.menuBar().addMenu(title)
        menu.menuAction().setMenuRole(QAction.MenuRole.NoRole)
        return menu

    def _file(self) -> None:
        menu, key = self._menu("&File"), QKeySequence.StandardKey
        self._add(menu, "&New run", self._do["new"], key.New)
        self._add(menu, "Open &data…", self._do["open_data"], key.Open)
        self._add(menu, "Open &run…", self._do["open_run"], "Ctrl+Shift+O")
        menu.addSeparator()
        self._add(menu, "&Close window", self._window.close, key.Close)
        self._add(menu, "&Quit Hone", self._window.close, key.Quit, QAction.MenuRole.QuitRole)

    def _edit(self) -> None:
        menu, key = self._menu("&Edit"), QKeySequence.StandardKey
        for text, slot, keys in (
            ("&Undo", "undo", key.Undo), ("&Redo", "redo", key.Redo), ("", "", None), ("Cu&t", "cut", key.Cut),
            ("&Copy", "copy", key.Copy), ("&Paste", "paste", key.Paste), ("Select &all", "selectAll", key.SelectAll),
        ):  # fmt: skip
            if text == "&Paste":
                self._add(menu, text, self._paste, keys)
            elif text:
                self._add(menu, text, partial(_to_focus, slot), keys)
            else:
                menu.addSeparator()

    def _paste(self) -> None:
        """Into the text field that has the keyboard; without one, as files or rows into the window."""
        if not _to_focus("paste"):
            self._do["paste"]()

    def _view(self) -> None:
        menu = self._menu("&View")
        for n, (text, name) in enumerate((("&New run", "new"), ("&Runs", "runs"), ("&Chat", "chat")), 1):
            self._add(menu, text, self._do[name], f"Ctrl+{n}")
        menu.addSeparator()
        inner = menu.addMenu("&Theme")
        group = QActionGroup(self._window)
        app = QApplication.instance()
        shown = theme.mode(app) if isinstance(app, QApplication) else "system"
        for mode, text in (("system", "As the &system"), ("light", "&Light"), ("dark", "&Dark")):
            action = self._add(inner, text, partial(_choose_theme, mode))
            action.setCheckable(True)
            action.setChecked(mode == shown)
            group.addAction(action)

    def _run(self) -> Actions:
        menu = self._menu("&Run")
        start = self._add(menu, "&Start", self._do["start"], "Ctrl+R")
        checkpoint = self._add(menu, "&Checkpoint now", self._do["checkpoint"], "Ctrl+K")
        stop = self._add(menu, "Stop and &keep", self._do["stop"], "Ctrl+.")
        return Actions(start, stop, checkpoint)

    def _window_menu(self) -> None:
        menu = self._menu("&Window")
        self._add(menu, "&Minimize", self._window.showMinimized, "Ctrl+M")
        self._add(menu, "&Zoom", lambda: _zoom(self._window))

    def _help(self) -> None:
        menu = self._menu("&Help")
        self._add(menu, "&Methods, options and models", self._do["help"], QKeySequence.StandardKey.HelpContents)
        self._add(menu, "Show &log files", self._do["logs"])
        self._add(menu, "&About Hone", self._do["about"], role=QAction.MenuRole.AboutRole)


def _to_focus(slot: str) -> bool:
    """Send an editing command to the text field that has the keyboard. Whether there was one that takes it."""
    widget = QApplication.focusWidget()
    if not isinstance(widget, QLineEdit | QTextEdit | QPlainTextEdit) or (slot == "paste" and widget.isReadOnly()):
        return False
    getattr(widget, slot)()
    return True


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
