"""A thin scroll bar without arrows, for systems with a thick one. A Mac keeps its own."""

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
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


class FloatingScrollBar(ThinScrollBar):
    """Lies over the right edge of a scrolling widget and takes no width from it: what is in it ends at the line where
    all else ends, as under the scroll bars of a Mac."""

    def __init__(self, area: QAbstractScrollArea) -> None:
        super().__init__(Qt.Orientation.Vertical, area)
        self._area, self._bar = area, area.verticalScrollBar()
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._bar.rangeChanged.connect(self._follow)
        self._bar.valueChanged.connect(self.setValue)
        self.valueChanged.connect(self._bar.setValue)
        area.installEventFilter(self)
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._follow()
        return super().eventFilter(watched, event)

    def _follow(self) -> None:
        bar = self._bar
        self.setRange(bar.minimum(), bar.maximum())
        self.setPageStep(bar.pageStep())
        self.setSingleStep(bar.singleStep())
        self.setValue(bar.value())
        self.setGeometry(self._area.width() - _WIDTH, 0, _WIDTH, self._area.height())
        self.setVisible(bar.maximum() > bar.minimum())


def use_floating_scrollbar(area: QAbstractScrollArea) -> None:
    """Let a widget's scroll bar lie over it, except on a Mac, which has its own."""
    if not theme.NATIVE:
        FloatingScrollBar(area).setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)


def use_thin_scrollbars(area: QAbstractScrollArea) -> None:
    """Give a scrolling widget thin scroll bars, except on a Mac."""
    if theme.NATIVE:
        return
    area.setVerticalScrollBar(ThinScrollBar(Qt.Orientation.Vertical))
    area.setHorizontalScrollBar(ThinScrollBar(Qt.Orientation.Horizontal))
    for bar in (area.verticalScrollBar(), area.horizontalScrollBar()):
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
