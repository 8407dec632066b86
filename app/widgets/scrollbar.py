"""A thin scroll bar without arrows, for systems with a thick one. A Mac keeps its own."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractScrollArea, QScrollBar, QStyle, QStyleOptionSlider

from app.style import theme

_WIDTH = 11


class ThinScrollBar(QScrollBar):
    """Draws the slider only."""

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        if self.orientation() == Qt.Orientation.Vertical:
            return QSize(_WIDTH, hint.height())
        return QSize(hint.width(), _WIDTH)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.colours(theme.palette())
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        slider = self.style().subControlRect(
            QStyle.ComplexControl.CC_ScrollBar, option, QStyle.SubControl.SC_ScrollBarSlider, self
        )
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(
            theme.mix(colours.text, colours.window, 0.55 if self.underMouse() or self.isSliderDown() else 0.72)
        )
        painter.drawRoundedRect(QRectF(slider).adjusted(2.5, 2.5, -2.5, -2.5), 3, 3)


def use_thin_scrollbars(area: QAbstractScrollArea) -> None:
    """Give a scrolling widget thin scroll bars, except on a Mac."""
    if theme.NATIVE:
        return
    area.setVerticalScrollBar(ThinScrollBar(Qt.Orientation.Vertical))
    area.setHorizontalScrollBar(ThinScrollBar(Qt.Orientation.Horizontal))
    for bar in (area.verticalScrollBar(), area.horizontalScrollBar()):
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
