"""The legend of the runs that are drawn over a run: a dashed stroke beside each name."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from app.style import theme
from app.widgets.card import hbox
from app.widgets.labels import ElidedLabel

_COLUMNS = 3


class DashedStroke(QWidget):
    """A piece of a curve in a colour of the palette's series and a dash."""

    def __init__(self, colour: int, dash: Qt.PenStyle) -> None:
        super().__init__()
        self._colour, self._dash = colour, dash
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(30, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.parse_colour(c.series[self._colour % len(c.series)]), 2, self._dash))
        painter.drawLine(1, 6, 29, 6)


class RunLegend(QWidget):
    """Hidden while there are no other runs."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 2)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(2)
        for column in range(_COLUMNS):
            self._grid.setColumnStretch(column, 1)
        self.names: list[str] = []
        self.hide()

    def show_names(self, names: Sequence[str], looks: Sequence[tuple[int, Qt.PenStyle]]) -> None:
        """Show the names of curves, each with its (colour of the series, dash)."""
        if list(names) == self.names:
            return
        self.names = list(names)
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for index, (name, look) in enumerate(zip(names, looks, strict=True)):
            self._grid.addWidget(_entry(name, DashedStroke(*look)), index // _COLUMNS, index % _COLUMNS)
        self.setVisible(bool(names))


def _entry(name: str, stroke: QWidget) -> QWidget:
    entry = QWidget()
    layout = hbox(entry, gap=6)
    layout.addWidget(stroke)
    layout.addWidget(ElidedLabel(name, "caption", tone="secondary"), 1)
    return entry
