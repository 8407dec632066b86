"""A card of lines with hairlines between them."""

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.style import theme
from app.widgets.card import Card, vbox


class LinesCard(Card):
    """Lines that are hidden leave no hairline behind."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[QWidget] = []
        self._layout = vbox(self, gap=0)

    def add(self, line: QWidget) -> None:
        self.lines.append(line)
        self._layout.addWidget(line)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(theme.colours(theme.palette()).separator)
        visible_lines = [line for line in self.lines if not line.isHidden()]
        for line in visible_lines[1:]:
            painter.drawLine(16, line.y(), self.width() - 16, line.y())
