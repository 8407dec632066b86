"""A spin box that ignores the mouse wheel, so that scrolling a page does not change its value."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSpinBox, QStyle, QStyleOptionSpinBox

from app.style import theme
from app.widgets import input_box


class SpinBox(QSpinBox):
    """A spin box with an accessible name, in the box that all inputs have; it signals once typing has ended."""

    def __init__(self, name: str, height: int = input_box.HEIGHT) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMinimumHeight(height)
        self.setKeyboardTracking(False)
        self.setGroupSeparatorShown(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if not theme.NATIVE:
            self.lineEdit().setTextMargins(5, 0, 0, 0)
            self.lineEdit().setStyleSheet("QLineEdit { background: transparent; }")

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        input_box.paint_box(self, painter, focus=self.hasFocus())
        option = QStyleOptionSpinBox()
        self.initStyleOption(option)
        for part in (QStyle.SubControl.SC_SpinBoxUp, QStyle.SubControl.SC_SpinBoxDown):
            is_up = part == QStyle.SubControl.SC_SpinBoxUp
            place = self.style().subControlRect(QStyle.ComplexControl.CC_SpinBox, option, part, self).center()
            input_box.paint_icon(self, painter, "chevron", place.x() - 2, place.y() + (1.5 if is_up else -0.5), is_up)
