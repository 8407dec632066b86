"""A combo box that ignores the mouse wheel, so that scrolling a page does not change its value."""

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox

from app.style import theme
from app.widgets import input_box

_PADDING, _ARROW = 10, 26


class ComboBox(QComboBox):
    """A combo box with an accessible name, in the box that all inputs have; with `narrow` it takes any width."""

    def __init__(self, name: str, height: int = input_box.HEIGHT, *, narrow: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setAccessibleDescription("")
        self.setMinimumHeight(height)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QComboBox.SizeAdjustPolicy
        self.setSizeAdjustPolicy(policy.AdjustToMinimumContentsLengthWithIcon if narrow else policy.AdjustToContents)

    def setAccessibleDescription(self, words: str) -> None:
        """The name comes first: Qt tells a screen reader the value in its place."""
        name = self.accessibleName()
        super().setAccessibleDescription(words if words.startswith(name) else f"{name}. {words}")

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return hint if theme.NATIVE else QSize(hint.width() + 8, hint.height())

    def setEditable(self, editable: bool) -> None:
        super().setEditable(editable)
        field = self.lineEdit()
        if field is not None:
            field.setAccessibleName(self.accessibleName())  # it has the focus, not the box
        if field is not None and not theme.NATIVE:
            field.setStyleSheet("QLineEdit { background: transparent; border: none; }")
        self._place_field()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_field()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        input_box.paint_box(self, painter, focus=self.hasFocus())
        if not self.isEditable():  # its field writes the text
            painter.setPen(c.text if self.isEnabled() else theme.mix(c.text, c.window, 0.55))
            area = self._text_area()
            words = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), words)
        input_box.paint_icon(self, painter, "chevron", self.width() - _ARROW / 2, self.height() / 2)

    def _text_area(self) -> QRect:
        return QRect(_PADDING, 0, self.width() - _PADDING - _ARROW, self.height())

    def _place_field(self) -> None:
        """Put the field for own text inside the outline: Qt would lay it over its left side."""
        field = self.lineEdit()
        if field is not None and not theme.NATIVE:
            field.setGeometry(self._text_area().adjusted(-2, 3, 0, -3))  # a line edit has 2 pixels of its own
