"""A field for a line of text, in the box that all inputs have."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit

from app.style import theme
from app.widgets import input_box


class LineEdit(QLineEdit):
    """A line edit with an accessible name. A Mac draws its own box."""

    def __init__(self, name: str, hint: str = "", height: int = input_box.HEIGHT) -> None:
        super().__init__()
        self._wrong = False
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setMinimumHeight(height)
        self.setTextMargins(7, 0, 7, 0)
        if not theme.NATIVE:
            self.setFrame(False)
            self.setStyleSheet("QLineEdit { background: transparent; }")

    def mark_wrong(self, wrong: bool) -> None:
        """Outline the field in red, or no more."""
        self._wrong = wrong
        self.update()

    @property
    def is_wrong(self) -> bool:
        """Whether the field is marked."""
        return self._wrong

    def paintEvent(self, event: QPaintEvent) -> None:
        if not theme.NATIVE:
            painter = QPainter(self)
            input_box.paint_box(self, painter, wrong=self._wrong, focus=self.hasFocus())
            painter.end()
        super().paintEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keep what is selected while the menu bar has the keyboard: its Edit menu is for that."""
        if event.reason() == Qt.FocusReason.MenuBarFocusReason:
            event = QFocusEvent(event.type(), Qt.FocusReason.PopupFocusReason)
        super().focusOutEvent(event)
