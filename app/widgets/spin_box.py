"""Spin boxes that ignore the mouse wheel, so that scrolling a page does not change its value."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox, QStyle, QStyleOptionSpinBox

from app.style import theme
from app.widgets import input_box


class SpinBox(QSpinBox):
    """A spin box with an accessible name, in the box that all inputs have; it signals once typing has ended."""

    def __init__(self, name: str, height: int = input_box.HEIGHT) -> None:
        super().__init__()
        _set_up(self, name, height)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
        else:
            _paint(self)


class DecimalSpinBox(QDoubleSpinBox):
    """A SpinBox for numbers from `low` to `high` with two decimals."""

    def __init__(self, name: str, low: float, high: float, step: float, height: int = input_box.HEIGHT) -> None:
        super().__init__()
        _set_up(self, name, height)
        self.setRange(low, high)
        self.setSingleStep(step)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
        else:
            _paint(self)


def _set_up(box: QSpinBox | QDoubleSpinBox, name: str, height: int) -> None:
    box.setAccessibleName(name)
    box.setMinimumHeight(height)
    box.setKeyboardTracking(False)
    box.setGroupSeparatorShown(True)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    if not theme.NATIVE:
        box.lineEdit().setTextMargins(5, 0, 0, 0)
        box.lineEdit().setStyleSheet("QLineEdit { background: transparent; }")


def _paint(box: QSpinBox | QDoubleSpinBox) -> None:
    painter = QPainter(box)
    input_box.paint_box(box, painter, focus=box.hasFocus())
    option = QStyleOptionSpinBox()
    box.initStyleOption(option)
    for part in (QStyle.SubControl.SC_SpinBoxUp, QStyle.SubControl.SC_SpinBoxDown):
        is_up = part == QStyle.SubControl.SC_SpinBoxUp
        place = box.style().subControlRect(QStyle.ComplexControl.CC_SpinBox, option, part, box).center()
        input_box.paint_icon(box, painter, "chevron", place.x() - 2, place.y() + (1.5 if is_up else -0.5), is_up)
