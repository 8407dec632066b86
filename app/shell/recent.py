"""File > Open recent: the datasets and runs that were opened last, the newest first."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.desktop import preferences
from app.desktop.language import tr
from core.run import DEMO

MOST = 10


def remember(path: str | Path) -> None:
    """Put a file or a folder at the head of the list; what is none on this computer (an id of the Hub) is left out."""
    if str(path) != DEMO and (absolute := Path(path).expanduser()).is_absolute() and absolute.exists():
        known = preferences.recent_paths()
        if known[:1] != [str(absolute)]:
            preferences.set_recent_paths([str(absolute), *(path for path in known if path != str(absolute))][:MOST])


def forget(path: Path) -> None:
    """Take a path out of the list."""
    preferences.set_recent_paths([known for known in preferences.recent_paths() if known != str(path)])


class RecentMenu(QMenu):
    """Filled anew whenever it opens. `open_path` is called with the path that is chosen."""

    def __init__(self, open_path: Callable[[Path], None]) -> None:
        super().__init__(tr("Open re&cent"))
        self.menuAction().setMenuRole(QAction.MenuRole.NoRole)
        self._open_path = open_path
        self.fill()
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Show the list as it is now."""
        self.clear()
        paths = [Path(path) for path in preferences.recent_paths()]
        names = [path.name for path in paths]
        for path in paths:
            is_clear = names.count(path.name) == 1
            text = path.name if is_clear else tr("{name} in {folder}", name=path.name, folder=path.parent.name)
            self._add(text.replace("&", "&&"), partial(self._open_path, path))
        if paths:
            self.addSeparator()
        self._add(tr("&Clear menu"), lambda: preferences.set_recent_paths([])).setEnabled(bool(paths))

    def _add(self, text: str, command: Callable[[], None]) -> QAction:
        action = self.addAction(text)
        action.setMenuRole(QAction.MenuRole.NoRole)
        action.triggered.connect(lambda *_: command())
        return action
