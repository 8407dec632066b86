"""The whole of one row, to be read at leisure: each part under its name."""

from PySide6.QtCore import QEvent
from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QTextEdit

from app.style import theme
from app.widgets.scrollbar import thin

_LONGEST = 50_000  # characters of a part


class RowReader(QTextEdit):
    """Read-only text of (name, text) parts."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("The chosen row")
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(12)
        thin(self)
        self._parts: list[tuple[str, str]] = []

    def show_parts(self, parts: list[tuple[str, str]]) -> None:
        if parts != self._parts:
            self._parts = parts
            self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_parts"):
            self._draw()

    def _draw(self) -> None:
        c = theme.colours(theme.palette())
        self.clear()
        cursor = QTextCursor(self.document())
        name, words, room = QTextCharFormat(), QTextCharFormat(), QTextBlockFormat()
        name.setFont(theme.font("caption", bold=True))
        name.setForeground(c.secondary)
        words.setFont(theme.font())
        words.setForeground(c.text)
        for number, (title, text) in enumerate(self._parts):
            room.setTopMargin(12 if number else 0)
            if number:
                cursor.insertBlock()
            cursor.setBlockFormat(room)
            cursor.insertText(title, name)
            cursor.insertBlock(QTextBlockFormat())
            cursor.insertText(text[:_LONGEST].strip("\n") or "(empty)", words)
            if len(text) > _LONGEST:
                cursor.insertText(f"\n… and {len(text) - _LONGEST:,} more characters", name)
        self.moveCursor(QTextCursor.MoveOperation.Start)
