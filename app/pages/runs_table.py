"""The table of runs: how its cells are drawn, and which rows are selected."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QStyleOptionViewItem

from app.desktop.language import tr
from app.pages.runs_model import BEGUN, METHOD, RESULT, RUN, STATE_ICONS, STATUS, TIME, RunsModel, details
from app.runs.run_list import RunRow
from app.style import icons, theme
from app.widgets.table import CellDelegate, Table

WIDTHS = {METHOD: 112, STATUS: 150, RESULT: 204, TIME: 98, BEGUN: 118}
NARROW_WIDTHS = {METHOD: 98, STATUS: 146, RESULT: 166, TIME: 84, BEGUN: 112}
_ROW_HEIGHT = 46  # two lines
_CURVE, _SHORT_CURVE = 64, 40  # pixels of a run's tiny curve, and of one in a narrow column
_NARROW = 900  # below this the time is left out, and the others leave the names more room


class RunDelegate(CellDelegate):
    """A run's name over its details, an icon beside its status, a tiny curve beside its result."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        model = index.model()
        if not isinstance(model, RunsModel) or index.column() not in (RUN, STATUS, RESULT):
            super().paint(painter, option, index)
            return
        row, c = model.row_at(index.row()), theme.colours(theme.palette())
        box = self.paint_ground(painter, option, index)
        text = index.data(Qt.ItemDataRole.DisplayRole)
        if index.column() == RUN:
            half = box.height() // 2 - 3
            _write(painter, QRect(box.x(), box.y() + 3, box.width(), half), text, theme.font(), c.text)
            below = QRect(box.x(), box.y() + 3 + half, box.width(), half)
            _write(painter, below, details(row), theme.font("caption"), c.secondary)
            return
        if index.column() == STATUS:
            name, tone = STATE_ICONS[row.state]
            scale = option.widget.devicePixelRatioF()
            picture = icons.pixmap(name, getattr(c, tone), 16, scale)
            painter.drawPixmap(box.x(), box.y() + (box.height() - 16) // 2, picture)
            painter.setFont(theme.font())
            painter.setPen(c.text)
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap  # "Done, stopped early" takes two lines
            painter.drawText(box.adjusted(22, 0, 0, 0), int(flags), text)
            return
        curve = _CURVE if box.width() > 2.5 * _CURVE else _SHORT_CURVE
        _draw_curve(painter, QRect(box.x(), box.y() + 12, curve, box.height() - 24), row.entry.curve, c)
        _write(painter, box.adjusted(curve + 10, 0, 0, 0), text, theme.font(figures=True), c.text)


class RunsTable(Table):
    """The table of runs; several can be selected."""

    def __init__(self, model: RunsModel) -> None:
        self._is_narrow, self._model = False, model
        super().__init__(model, tr("Runs"), WIDTHS, row_height=_ROW_HEIGHT, sortable=True)
        self.setItemDelegate(RunDelegate(self))
        self.set_optional_column(TIME, _NARROW)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.sortByColumn(BEGUN, Qt.SortOrder.DescendingOrder)

    def selected_rows(self) -> list[RunRow]:
        """The runs that are selected, from top to bottom."""
        numbers = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self._model.row_at(n) for n in numbers if n < self._model.rowCount()]

    def select_folders(self, folders: Sequence[Path], place: int = 0) -> None:
        """Select the rows of these folders, or the row at `place` where none of them is shown."""
        found = [self._model.position(folder) for folder in folders]
        last = self._model.rowCount() - 1
        wanted = [n for n in found if n is not None] or ([min(place, last)] if last >= 0 else [])
        selection = self.selectionModel()
        if sorted(index.row() for index in selection.selectedRows()) == sorted(wanted):
            return
        flags = QItemSelectionModel.SelectionFlag
        selection.clear()
        for n in wanted:
            index = self._model.index(n, 0)
            selection.select(index, flags.Select | flags.Rows)
            if n == wanted[0]:
                selection.setCurrentIndex(index, flags.NoUpdate)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._is_narrow != (self.width() < _NARROW):
            self._is_narrow = not self._is_narrow
            self.set_column_widths(NARROW_WIDTHS if self._is_narrow else WIDTHS)


def _write(painter: QPainter, box: QRect, text: str, font: Any, colour: Any) -> None:
    painter.setFont(font)
    painter.setPen(colour)
    elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), elided)


def _draw_curve(painter: QPainter, box: QRect, values: Sequence[float], c: theme.Colours) -> None:
    """Draw values as a line that fills the box, with a dot at its end; nearly constant ones as a flat line."""
    if len(values) < 2:
        return
    low, high = min(values), max(values)
    span = max(high - low, 0.05 * max(abs(low), abs(high)), 1e-12)
    points = [
        QPointF(
            box.x() + i * (box.width() - 5) / (len(values) - 1), box.y() + (high - value) / span * (box.height() - 1)
        )
        for i, value in enumerate(values)
    ]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = theme.parse_colour(c.series[0])
    painter.setPen(QPen(colour, 1.4))
    painter.drawPolyline(QPolygonF(points))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(points[-1], 2.2, 2.2)
    painter.restore()
