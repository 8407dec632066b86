"""A combo box that ignores the mouse wheel, so that scrolling a page does not change its value."""

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox

from app.style import theme
from app.widgets import input_box

_PADDING, _ARROW = 10, 26


class ComboBox(QComboBox):
    """A combo box with an accessible name, in the box that all inputs have; with `narrow` it takes any width."""

    def __init__(self, name: str, height: int = input_box.HEIGHT, *, narrow: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMinimumHeight(height)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QComboBox.SizeAdjustPolicy
        self.setSizeAdjustPolicy(policy.AdjustToMinimumContentsLengthWithIcon if narrow else policy.AdjustToContents)

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return hint if theme.NATIVE else QSize(hint.width() + 8, hint.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        input_box.paint_box(self, painter, focus=self.hasFocus())
        painter.setPen(c.text if self.isEnabled() else theme.mix(c.text, c.window, 0.55))
        area = QRect(_PADDING, 0, self.width() - _PADDING - _ARROW, self.height())
        words = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), words)
        input_box.paint_icon(self, painter, "chevron", self.width() - _ARROW / 2, self.height() / 2)
