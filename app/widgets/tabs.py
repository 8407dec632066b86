"""Tabs as plain words, with a line under the current one."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFocusEvent, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QStackedWidget, QTabBar, QWidget

from app.style import theme
from app.widgets.card import vbox
from app.widgets.focus_ring import is_from_keyboard


class _TabBar(QTabBar):
    """Drawn flat; a Mac draws its own."""

    draws_ring = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.draws_ring = is_from_keyboard(event.reason())
        self.update()

    def tabSizeHint(self, index: int) -> QSize:
        if theme.NATIVE:
            return super().tabSizeHint(index)
        return QSize(QFontMetrics(theme.font(bold=True)).horizontalAdvance(self.tabText(index)) + 24, 34)

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        colours = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(0, self.height() - 1, self.width(), 1, colours.separator)
        for i in range(self.count()):
            box, chosen = QRectF(self.tabRect(i)), i == self.currentIndex()
            if chosen and self.hasFocus() and self.draws_ring:
                painter.setPen(theme.ring(colours))
                painter.drawRoundedRect(box.adjusted(4, 4, -4, -6), 5, 5)
            painter.setPen(colours.text if chosen else colours.secondary)
            painter.setFont(theme.font(bold=chosen))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), self.tabText(i))
            if chosen:
                painter.fillRect(box.adjusted(8, box.height() - 2, -8, 0), colours.accent_text)


class Tabs(QWidget):
    """A tab bar over a stack of pages."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.bar = _TabBar()
        self.bar.setAccessibleName(name)
        self.bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self.bar.setUsesScrollButtons(False)
        self.stack = QStackedWidget()
        layout = vbox(self, gap=theme.GRID)
        layout.addWidget(self.bar)
        layout.addWidget(self.stack, 1)
        self.bar.currentChanged.connect(self.stack.setCurrentIndex)

    def add(self, title: str, page: QWidget) -> QWidget:
        self.stack.addWidget(page)
        self.bar.addTab(title)
        return page

    def rename(self, page: QWidget, title: str) -> None:
        self.bar.setTabText(self.stack.indexOf(page), title)

    def show_page(self, page: QWidget) -> None:
        self.bar.setCurrentIndex(self.stack.indexOf(page))

    def set_visible(self, page: QWidget, visible: bool) -> None:
        """Show or hide a page's tab."""
        index = self.stack.indexOf(page)
        if self.bar.isTabVisible(index) != visible:
            self.bar.setTabVisible(index, visible)
            # WORKAROUND: Qt 6.11 lays the tabs out anew only when a text changes; a hidden tab would leave a gap.
            text = self.bar.tabText(index)
            self.bar.setTabText(index, "")
            self.bar.setTabText(index, text)
