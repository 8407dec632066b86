"""A page that scrolls where the window is too low for it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.style import theme
from app.widgets.card import vbox
from app.widgets.scrollbar import use_thin_scrollbars


class ScrollPage(QScrollArea):
    """Scrolls vertically; widgets are added to `content_layout`, which is `width` pixels wide at most."""

    def __init__(self, width: int = 1040, margin: int = theme.MARGIN) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        use_thin_scrollbars(self)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QWidget()
        outer_layout = vbox(outer, margin)
        self.content = QWidget()
        self.content.setMaximumWidth(width)
        outer_layout.addWidget(self.content)
        outer_layout.setAlignment(self.content, Qt.AlignmentFlag.AlignTop)
        self.content_layout: QVBoxLayout = vbox(self.content, gap=theme.GRID)
        self.setWidget(outer)
        outer.setAutoFillBackground(False)  # setWidget() has switched it on
