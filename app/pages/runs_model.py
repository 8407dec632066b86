"""The rows of the table of runs: what stands in their columns, sorted and narrowed down."""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt

from app.desktop.language import tr
from app.runs import run_list
from app.runs.run_list import RunRow
from app.widgets.item_model import Column, Index, ItemModel

RUN, METHOD, STATUS, RESULT, TIME, BEGUN = range(6)
STATE_ICONS = {  # (icon, tone) beside the status, in the order of that column
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
    STATUS: lambda row: (list(STATE_ICONS).index(row.state), row.place, row.status),
    RESULT: lambda row: row.entry.rank,
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
            return "\n".join(filter(None, (row.sentence, notes))) or super().data(index, role)
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == RUN:
            return ", ".join(filter(None, (row.entry.title, details(row))))
        return super().data(index, role)
