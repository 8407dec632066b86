"""What a person or a model has written: selectable, and no word of it is too long for its line."""

import re

from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu

from app.desktop.language import tr
from app.widgets.labels import Label

_BREAK = "\u200b"  # takes no room; a line may end there
_LONG = 24  # letters in a row that stay together
_LONG_WORD = re.compile(rf"\S{{{_LONG}}}(?=\S)")


def break_words(text: str) -> str:
    """The text with places where a line may end in words that are too long for one."""
    return _LONG_WORD.sub(rf"\g<0>{_BREAK}", text)


class AnswerText(Label):
    """A label whose longest words go on in the next line; what is copied from it is what was written."""

    def __init__(self, text: str = "", *, tone: str = "text") -> None:
        super().__init__("", tone=tone, selectable=True)
        self._written = ""
        self.setText(text)

    def setText(self, text: str) -> None:
        self._written = text
        super().setText(break_words(text))

    def text(self) -> str:
        """As it was written."""
        return self._written

    def copy_selection(self) -> None:
        """Copy what is selected."""
        QGuiApplication.clipboard().setText(self.selectedText().replace(_BREAK, ""))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selection()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        copy = menu.addAction(tr("Copy"), self.copy_selection)
        copy.setEnabled(self.hasSelectedText())
        menu.addAction(tr("Select all"), lambda: self.setSelection(0, len(super(AnswerText, self).text())))
        menu.popup(event.globalPos())
