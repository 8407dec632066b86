"""A button that copies a text and says that it did."""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication

from app.widgets.buttons import Button

_SAID_MS = 1500


class CopyButton(Button):
    """Copies what `text()` gives at that moment."""

    def __init__(self, name: str, text: Callable[[], str]) -> None:
        super().__init__("Copy", "copy", weight="quiet")
        self.setAccessibleName(name)
        self._text = text
        self._timer = QTimer(self, singleShot=True, interval=_SAID_MS)
        self._timer.timeout.connect(lambda: self._say("Copy", "copy"))
        self.clicked.connect(self._copy)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text())
        self._say("Copied", "check")
        self._timer.start()

    def _say(self, words: str, icon: str) -> None:
        self.setText(words)
        self.set_icon(icon)
        self.updateGeometry()
