"""The legend of the runs that are drawn over a run: a dashed stroke beside each name."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.plots.legend import LINE, Stroke
from app.widgets.card import hbox
from app.widgets.labels import ElidedLabel

_COLUMNS = 3


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
        for index, (name, (colour, dash)) in enumerate(zip(names, looks, strict=True)):
            self._grid.addWidget(_entry(name, Stroke(colour, LINE, dash)), index // _COLUMNS, index % _COLUMNS)
        self.setVisible(bool(names))


def _entry(name: str, stroke: QWidget) -> QWidget:
    entry = QWidget()
    layout = hbox(entry, gap=6)
    layout.addWidget(stroke)
    layout.addWidget(ElidedLabel(name, "caption", tone="secondary"), 1)
    return entry
