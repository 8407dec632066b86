"""A check box that looks as the other inputs do, and shows the keyboard's focus as they do."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QStyle, QStyleOptionButton

from app.style import theme
from app.widgets.focus_ring import FocusRing

_TICK = ((0.24, 0.53), (0.43, 0.72), (0.77, 0.31))  # shares of the box, from its upper left corner


class _CheckBox(QCheckBox):
    """Its box has the outline of an input. A Mac draws its own."""

    @property
    def indent(self) -> int:
        """The pixels from the left to the words."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        style, metric = self.style(), QStyle.PixelMetric
        width = style.pixelMetric(metric.PM_IndicatorWidth, option, self)
        return width + style.pixelMetric(metric.PM_CheckBoxLabelSpacing, option, self)

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        c = theme.colours(theme.palette())
        option = QStyleOptionButton()
        self.initStyleOption(option)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self))
        box.adjust(0.8, 0.8, -0.8, -0.8)
        is_filled = self.isChecked() and self.isEnabled()
        outline = theme.mix(c.text, c.window, 0.5) if self.isEnabled() else c.separator
        painter.setPen(QPen(c.accent if is_filled else outline, 1.4))
        painter.setBrush(c.accent if is_filled else c.base)
        painter.drawRoundedRect(box, 3.5, 3.5)
        if self.isChecked():
            pen = QPen(QColor("white") if is_filled else outline, 1.8)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            painter.drawPolyline([box.topLeft() + QPointF(x * box.width(), y * box.height()) for x, y in _TICK])
        option.rect = self.style().subElementRect(QStyle.SubElement.SE_CheckBoxContents, option, self)
        painter.setFont(self.font())
        self.style().drawControl(QStyle.ControlElement.CE_CheckBoxLabel, option, painter, self)


class CheckBox(FocusRing, _CheckBox):
    """A check box with words beside it, or without any where it lies in a form."""
