"""A spin box that ignores the mouse wheel, so that scrolling a page does not change its value."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QSpinBox


class SpinBox(QSpinBox):
    """A spin box with an accessible name; it signals a value once typing has ended."""

    def __init__(self, name: str, height: int = 28) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMinimumHeight(height)
        self.setKeyboardTracking(False)
        self.setGroupSeparatorShown(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
