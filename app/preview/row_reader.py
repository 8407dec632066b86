"""One row in full length, each part under its name."""

from PySide6.QtCore import QEvent
from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QTextEdit

from app.style import theme
from app.widgets.scrollbar import use_thin_scrollbars

_LONGEST = 50_000  # characters of a part


class RowReader(QTextEdit):
    """A read-only text that shows (name, text) parts."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("The chosen row")
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(12)
        use_thin_scrollbars(self)
        self._parts: list[tuple[str, str]] = []

    def show_parts(self, parts: list[tuple[str, str]]) -> None:
        """Show other parts."""
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
        name_format, text_format, spacing = QTextCharFormat(), QTextCharFormat(), QTextBlockFormat()
        name_format.setFont(theme.font("caption", bold=True))
        name_format.setForeground(c.secondary)
        text_format.setFont(theme.font())
        text_format.setForeground(c.text)
        for number, (name, text) in enumerate(self._parts):
            spacing.setTopMargin(12 if number else 0)
            if number:
                cursor.insertBlock()
            cursor.setBlockFormat(spacing)
            cursor.insertText(name, name_format)
            cursor.insertBlock(QTextBlockFormat())
            cursor.insertText(text[:_LONGEST].strip("\n") or "(empty)", text_format)
            if len(text) > _LONGEST:
                cursor.insertText(f"\n… and {len(text) - _LONGEST:,} more characters", name_format)
        self.moveCursor(QTextCursor.MoveOperation.Start)
