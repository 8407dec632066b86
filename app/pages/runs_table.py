"""The table of runs: its rows, sorted and narrowed down, and how their cells are drawn."""

import datetime
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QStyleOptionViewItem

from app.desktop.language import tr
from app.runs import run_list
from app.runs.run_list import RunRow
from app.style import icons, theme
from app.widgets.item_model import Column, Index, ItemModel
from app.widgets.table import CellDelegate, Table

RUN, METHOD, STATUS, RESULT, TIME, BEGUN = range(6)
WIDTHS = {METHOD: 112, STATUS: 150, RESULT: 204, TIME: 84, BEGUN: 118}
NARROW_WIDTHS = {METHOD: 88, STATUS: 146, RESULT: 178, TIME: 84, BEGUN: 108}
_ROW_HEIGHT = 46  # two lines
_CURVE = 64  # pixels of a run's tiny curve
_NARROW = 900  # below this the time is left out, and the others leave the names more room
_ICONS = {  # (icon, tone) beside the status
    run_list.HELD: ("wait", "warn"),
    run_list.QUEUED: ("wait", "secondary"),
    run_list.PREPARING: ("wait", "accent_text"),
    run_list.TRAINING: ("play", "accent_text"),
    run_list.ELSEWHERE: ("play", "secondary"),
    run_list.PAUSED: ("pause", "warn"),
    run_list.DONE: ("ok", "good"),
    run_list.STOPPED: ("stop", "secondary"),
    run_list.FAILED: ("bad", "bad"),
    run_list.DAMAGED: ("bad", "bad"),
}


def format_begun(row: RunRow) -> str:
    """When a run was begun: "28 Nov, 17:50"."""
    if row.state in run_list.WAITING:
        return "–"
    start = datetime.datetime.fromtimestamp(row.entry.start_time)
    return (
        tr("{time:%d %b, %H:%M}", time=start)
        if start.year == datetime.datetime.now().year
        else tr("{time:%d %b %Y}", time=start)
    )


def details(row: RunRow) -> str:
    """The second line of a run: its model, its data where it has another name, and its tags."""
    entry = row.entry
    parts = [entry.model, *([entry.data] if entry.title != entry.data else [])]
    return " · ".join([part for part in parts if part != "–"] + [f"#{tag}" for tag in entry.notes.tags])


COLUMNS: list[Column] = [
    (tr("Run"), lambda row: row.entry.title),
    (tr("Method"), lambda row: row.entry.method),
    (tr("Status"), lambda row: row.status),
    (tr("Result"), lambda row: row.entry.result),
    (tr("Time"), lambda row: row.duration),
    (tr("Begun"), format_begun),
]

_KEYS: dict[int, Callable[[RunRow], Any]] = {
    RUN: lambda row: row.entry.title.casefold(),
    METHOD: lambda row: row.entry.method.casefold(),
    STATUS: lambda row: (list(_ICONS).index(row.state), row.place, row.status),
    RESULT: lambda row: math.inf if row.entry.best_loss is None else row.entry.best_loss,
    TIME: lambda row: row.entry.seconds or 0.0,
    BEGUN: lambda row: row.begun,
}


class RunsModel(ItemModel):
    """The runs that match, sorted. Rows that only changed stay where they are; others come by a reset."""

    def __init__(self) -> None:
        super().__init__(COLUMNS)
        self.rows: list[RunRow] = []  # all of them
        self._shown: list[RunRow] = []
        self._filter = ("", "", "")
        self._column, self._order = BEGUN, Qt.SortOrder.DescendingOrder

    def show_rows(self, rows: Sequence[RunRow]) -> None:
        self.rows = list(rows)
        self._show()

    def narrow(self, search: str, group: str, method: str) -> None:
        """Show only the rows of a group and a method that hold every word of a search."""
        self._filter = (search, group, method)
        self._show()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._order = column, order
        self._show()

    def row_at(self, index: int) -> RunRow:
        return self._shown[index]

    def position(self, folder: Path) -> int | None:
        """Where a run's row is; None where it is not shown."""
        return next((n for n, row in enumerate(self._shown) if row.folder == folder), None)

    def _show(self) -> None:
        is_descending = self._order == Qt.SortOrder.DescendingOrder
        shown = run_list.narrow(sorted(self.rows, key=lambda row: -row.begun), *self._filter)
        shown.sort(key=_KEYS[self._column], reverse=is_descending)
        same_rows = [row.folder for row in shown] == [row.folder for row in self._shown]
        self._shown = shown
        if same_rows:
            self._items = shown
            if shown:
                self.dataChanged.emit(self.index(0, 0), self.index(len(shown) - 1, len(COLUMNS) - 1))
        else:
            self.show_items(shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._shown[index.row()]
        if role == Qt.ItemDataRole.ToolTipRole:
            notes = row.entry.notes.text if index.column() == RUN else ""
            return "\n".join(filter(None, (tr(row.sentence), notes))) or super().data(index, role)
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == RUN:
            return ", ".join(filter(None, (row.entry.title, details(row))))
        return super().data(index, role)


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
            name, tone = _ICONS[row.state]
            scale = option.widget.devicePixelRatioF()
            picture = icons.pixmap(name, getattr(c, tone), 16, scale)
            painter.drawPixmap(box.x(), box.y() + (box.height() - 16) // 2, picture)
            _write(painter, box.adjusted(22, 0, 0, 0), text, theme.font(), c.text)
            return
        _draw_curve(painter, QRect(box.x(), box.y() + 12, _CURVE, box.height() - 24), row.entry.curve, c)
        _write(painter, box.adjusted(_CURVE + 10, 0, 0, 0), text, theme.font(figures=True), c.text)


class RunsTable(Table):
    """The table of runs; several can be selected."""

    def __init__(self, model: RunsModel) -> None:
        self._is_narrow = False
        super().__init__(model, tr("Runs"), WIDTHS, row_height=_ROW_HEIGHT, sortable=True)
        self.setItemDelegate(RunDelegate(self))
        self.set_optional_column(TIME, _NARROW)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.sortByColumn(BEGUN, Qt.SortOrder.DescendingOrder)

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
