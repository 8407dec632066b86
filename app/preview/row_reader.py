"""One row in full length, each part under its name; parts that the model never sees are struck through."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent
from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QTextEdit, QWidget

from app.desktop.language import tr
from app.preview.row_parts import RowPart
from app.style import theme
from app.widgets.card import vbox
from app.widgets.labels import caption
from app.widgets.scrollbar import use_thin_scrollbars

_LONGEST = 50_000  # characters of a part
_LEGEND = tr("Struck through: left out of what the model is given.")


class RowReader(QTextEdit):
    """A read-only text that shows the parts of a row."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(tr("The chosen row"))
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(12)
        use_thin_scrollbars(self)
        self._parts: list[RowPart] = []

    def show_parts(self, parts: Sequence[RowPart]) -> None:
        """Show other parts."""
        if list(parts) != self._parts:
            self._parts = list(parts)
            names = ", ".join(part.name for part in parts if part.is_dropped)
            self.setAccessibleDescription(tr("The model does not see: {names}", names=names) if names else "")
            self._draw()

    @property
    def parts(self) -> list[RowPart]:
        """The parts that are shown."""
        return self._parts

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
        dropped_format = QTextCharFormat(name_format)
        dropped_format.setForeground(c.warn)
        text_format.setFont(theme.font())
        for number, part in enumerate(self._parts):
            spacing.setTopMargin(12 if number else 0)
            if number:
                cursor.insertBlock()
            cursor.setBlockFormat(spacing)
            cursor.insertText(part.name, name_format)
            if part.is_dropped:
                cursor.insertText(tr(" · the model does not see it"), dropped_format)
            cursor.insertBlock(QTextBlockFormat())
            text_format.setForeground(c.secondary if part.is_dropped else c.text)
            text_format.setFontStrikeOut(part.is_dropped)
            cursor.insertText(part.text[:_LONGEST].strip("\n") or "(empty)", text_format)
            if len(part.text) > _LONGEST:
                cursor.insertText(tr("\n… and {count:,} more characters", count=len(part.text) - _LONGEST), name_format)
        self.moveCursor(QTextCursor.MoveOperation.Start)


class RowView(QWidget):
    """A row with the legend of what is struck through in it."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = RowReader()
        self.legend = caption(_LEGEND)
        self.legend.setContentsMargins(12, 0, 12, 8)
        self.legend.hide()
        layout = vbox(self, gap=0)
        layout.addWidget(self.reader, 1)
        layout.addWidget(self.legend)

    def show_parts(self, parts: Sequence[RowPart]) -> None:
        """Show other parts."""
        self.reader.show_parts(parts)
        self.legend.setVisible(any(part.is_dropped for part in parts))
