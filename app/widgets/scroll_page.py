"""A page that scrolls where the window is too low for it."""

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt, QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.style import theme
from app.widgets.card import vbox
from app.widgets.scrollbar import use_floating_scrollbar, use_thin_scrollbars

WHOLE_PAGE = (1 << 24) - 1  # Qt's largest width


class ScrollPage(QScrollArea):
    """Scrolls vertically; widgets are added to `content_layout`, which is `width` pixels wide at most, at the left or
    `centred`. Where it stands in a tab it has no margin for a scroll bar, which then lies over it (`in_tab`)."""

    def __init__(
        self,
        width: int = theme.COLUMN,
        margin: int = theme.MARGIN,
        *,
        centred: bool = False,
        in_tab: bool = False,
    ) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        use_thin_scrollbars(self)
        if in_tab:
            margin = 0
            use_floating_scrollbar(self)
        self._margin, self._width, self._centred = margin, width, centred
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = self._outer = QWidget()
        outer_layout = self._outer_layout = vbox(outer, margin)
        self.content = QWidget()
        outer_layout.addWidget(self.content)
        outer_layout.setAlignment(self.content, Qt.AlignmentFlag.AlignTop)
        self.content_layout: QVBoxLayout = vbox(self.content, gap=theme.GRID)
        self.setWidget(outer)
        outer.setAutoFillBackground(False)  # setWidget() has switched it on

    def showEvent(self, event: QShowEvent) -> None:
        """What was shown or added while the page was hidden has its place before the page is drawn."""
        super().showEvent(event)
        QCoreApplication.sendEvent(self._outer, QEvent(QEvent.Type.LayoutRequest))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The scroll bar takes its place from the margin: with it and without it the content ends at one line. What
        the content leaves of a wide page is margin too: with a maximum width Qt would lay out words for the page."""
        super().resizeEvent(event)
        bar = self.width() - self.viewport().width()
        free = max(0, self.width() - 2 * self._margin - self._width)
        left = self._margin + (free // 2 if self._centred else 0)
        right = max(0, 2 * self._margin + free - left - bar)
        self._outer_layout.setContentsMargins(left, self._margin, right, self._margin)

    def reveal(self, widget: QWidget) -> None:
        """Scroll until a widget is seen, once what has just been shown in it has its place."""

        def scroll() -> None:
            self._settle()
            self.ensureWidgetVisible(widget, 0, 8)

        QTimer.singleShot(0, widget, scroll)

    def show_from(self, widget: QWidget) -> None:
        """Scroll until a widget stands at the top, as far as the page goes, once what is in it has its place."""

        def scroll() -> None:
            self._settle()
            self.verticalScrollBar().setValue(widget.mapTo(self.content, QPoint()).y())

        QTimer.singleShot(0, widget, scroll)

    def _settle(self) -> None:
        """Lay out now what has been shown, added or moved. Qt would do it later, one level of widgets after the other:
        until then the page ends where it ended before, and what is on it is squeezed."""
        for widget in reversed(self._outer.findChildren(QWidget)):  # what lies in others before those
            if (layout := widget.layout()) is not None:
                layout.activate()
        for receiver in (self._outer, self):
            QCoreApplication.sendEvent(receiver, QEvent(QEvent.Type.LayoutRequest))
