"""A page that scrolls when the window is too low for it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.style import theme
from app.widgets.card import column
from app.widgets.scrollbar import thin


class Scroll(QScrollArea):
    """Vertical scrolling only; `layout_` takes the content, at most `width` wide and centred."""

    def __init__(self, width: int = 1040, margin: int = theme.MARGIN) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        thin(self)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QWidget()
        outer.setAutoFillBackground(False)
        across = column(outer, margin)
        self.content = QWidget()
        self.content.setMaximumWidth(width)
        across.addWidget(self.content)
        across.setAlignment(self.content, Qt.AlignmentFlag.AlignTop)
        self.column: QVBoxLayout = column(self.content, gap=theme.GRID)
        self.setWidget(outer)
