"""A thin scroll bar without arrows, for systems with a thick one. A Mac keeps its own."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractScrollArea, QScrollBar, QStyle, QStyleOptionSlider, QWidget

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
    """Takes no width from a scrolling widget: what is in it ends at the line where all else ends, as under the scroll
    bars of a Mac. It stands in the margin of the page around it, or lies over its right edge where there is none."""

    def __init__(self, area: QAbstractScrollArea) -> None:
        super().__init__(Qt.Orientation.Vertical, area)
        self._area, self._bar = area, area.verticalScrollBar()
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._bar.rangeChanged.connect(self._follow)
        self._bar.valueChanged.connect(self.setValue)
        self.valueChanged.connect(self._bar.setValue)
        area.installEventFilter(self)
        area.destroyed.connect(self.deleteLater)
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show):
            self._follow()
        elif event.type() == QEvent.Type.Hide:
            self.hide()
        return super().eventFilter(watched, event)

    def _page(self) -> QWidget:
        """The nearest widget around the scrolling one that has a margin at its right; that one itself without one."""
        page: QWidget = self._area
        while not page.isWindow() and (parent := page.parentWidget()) is not None:
            page = parent
            if page.width() - self._area.mapTo(page, QPoint(self._area.width(), 0)).x() >= _WIDTH:
                return page
        return self._area

    def _follow(self) -> None:
        bar = self._bar
        self.setRange(bar.minimum(), bar.maximum())
        self.setPageStep(bar.pageStep())
        self.setSingleStep(bar.singleStep())
        self.setValue(bar.value())
        page = self._page()
        if self.parentWidget() is not page:
            self.setParent(page)
        end = self._area.width() if page is self._area else page.width()
        top = self._area.mapTo(page, QPoint(0, 0)).y()
        self.setGeometry(end - _WIDTH, top, _WIDTH, self._area.height())
        self.setVisible(bar.maximum() > bar.minimum() and self._area.isVisible())
        self.raise_()


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
