"""A field for several lines of text, in the box that all inputs have."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit

from app.style import theme
from app.widgets import input_box
from app.widgets.focus_ring import FocusRing
from app.widgets.scrollbar import use_thin_scrollbars

_MARGIN = 9  # around the text


class TextArea(QPlainTextEdit):
    """Plain text with an accessible name; Tab goes on to the next field. A Mac draws its own box."""

    def __init__(self, name: str, hint: str = "", text: str = "") -> None:
        super().__init__(text)
        self.setAccessibleName(name)
        self.setPlaceholderText(hint)
        self.setTabChangesFocus(True)
        use_thin_scrollbars(self)
        if not theme.NATIVE:
            self.setFrameShape(QFrame.Shape.NoFrame)
            self.document().setDocumentMargin(_MARGIN)
            self.viewport().setAutoFillBackground(False)

    def setPlaceholderText(self, text: str) -> None:
        """Show other words while the field is empty. Qt draws them anew only once something else changes."""
        super().setPlaceholderText(text)
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()  # its ring

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not theme.NATIVE:
            painter = QPainter(self.viewport())
            input_box.paint_box(self.viewport(), painter, focus=self.hasFocus())
            painter.end()
        super().paintEvent(event)


class ReadOnlyText(FocusRing, QPlainTextEdit):
    """Text of a fixed width to read and copy, in a card that is its box; Tab goes on to the next control."""

    follows_clicks = True

    def __init__(self, name: str) -> None:
        super().__init__(readOnly=True)
        self.setAccessibleName(name)
        self.setFont(theme.monospace())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        # With the keyboard as well as the mouse, or a read-only text is no stop for Tab everywhere.
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        use_thin_scrollbars(self)
