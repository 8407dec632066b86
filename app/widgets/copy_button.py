"""A button that copies a text to the clipboard and then says "Copied" for a moment."""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication

from app.desktop.language import tr
from app.widgets.buttons import Button

_COPIED_MS = 1500


class CopyButton(Button):
    """Copies what `text()` returns at the click."""

    def __init__(self, name: str, text: Callable[[], str]) -> None:
        super().__init__(tr("Copy"), "copy", weight="quiet")
        self.setAccessibleName(name)
        self._text = text
        self._timer = QTimer(self, singleShot=True, interval=_COPIED_MS)
        self._timer.timeout.connect(lambda: self._show_label(tr("Copy"), "copy"))
        self.clicked.connect(self._copy)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text())
        self._show_label(tr("Copied"), "check")
        self._timer.start()

    def _show_label(self, label: str, icon: str) -> None:
        self.setText(label)
        self.set_icon(icon)
        self.updateGeometry()
