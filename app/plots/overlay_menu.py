"""The button whose menu holds the runs that can be drawn over the one that is shown."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.language import tr
from app.runs.history import HistoryEntry
from app.runs.overlay import list_others, name_entries
from app.threads.task import Task
from app.widgets.buttons import Button


class OverlayMenu(Button):
    """`chosen({folder: name})` after each choice. The runs are looked for when the menu is opened."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__(tr("Compare"), "runs", weight="quiet")
        self.setAccessibleName(tr("Draw other runs over this one"))
        self._folder: Path | None = None
        self._shown: set[Path] = set()
        self.menu_ = CheckMenu(self)
        self.clicked.connect(self.open_menu)

    def use_folder(self, folder: Path, shown: Sequence[Path]) -> None:
        """Offer the runs beside that of a folder; those in `shown` are drawn already."""
        self._folder, self._shown = folder, set(shown)

    def open_menu(self) -> None:
        """Look for the other runs, and open the menu with them."""
        folder = self._folder
        if folder is not None:
            Task(self, lambda: list_others(folder), done=self._show_entries)

    def _show_entries(self, entries: list[HistoryEntry]) -> None:
        self.menu_.clear()
        if not entries:
            self.menu_.addAction(tr("There are no other runs in this folder")).setEnabled(False)
        for folder, name in name_entries(entries).items():
            action = QAction(name.replace("&", "&&"), self.menu_)
            action.setCheckable(True)
            action.setChecked(folder in self._shown)
            action.setData((folder, name))
            action.toggled.connect(lambda *_: self._choose())
            self.menu_.addAction(action)
        self.menu_.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _choose(self) -> None:
        chosen = dict(action.data() for action in self.menu_.actions() if action.isChecked())
        self._shown = set(chosen)
        self.chosen.emit(chosen)


class CheckMenu(QMenu):
    """A menu that stays open while its entries are checked, so that several can be; Escape closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        action = self.actionAt(event.position().toPoint())
        if action is not None and action.isCheckable() and action.isEnabled():
            action.trigger()
            return
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        action = self.activeAction()
        keys = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() in keys and action is not None and action.isCheckable():
            action.trigger()
            return
        super().keyPressEvent(event)
