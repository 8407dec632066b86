"""A table model of any number of rows. Only the pages that are looked at are read, on a thread of their own."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal

from app.desktop.language import localize, tr
from app.preview.cells import Column
from app.preview.row_parts import LEFT_OUT_LABEL
from app.style import icons, theme
from app.threads.task import Task

if TYPE_CHECKING:  # NumPy takes long to import
    import numpy as np
    from numpy.typing import NDArray

    from core.data.check.row_parser import RowParser
    from core.data.preview.page import PreviewRow
    from core.data.read.index import RowIndex

AnyIndex = QModelIndex | QPersistentModelIndex
PAGE = 64  # rows read at once
_MAX_PAGES = 64  # kept in memory
_MAX_QUEUE = 4  # pages waiting to be read: somebody who scrolls on does not wait for the pages scrolled past
_MAX_CELL = 400  # characters; the whole text is shown beside the table
_NOT_LEARNED = tr("Nothing is learned from it with this goal.")
_NO_PARENT = QModelIndex()


class PagedRows(QAbstractTableModel):
    """Rows of a dataset, found through their index, in the files' order or another. `failed(sentence)` when reading
    fails, `sort_requested(column, descending)` when the person wants another order."""

    failed = Signal(str)
    sort_requested = Signal(int, bool)

    def __init__(self) -> None:
        super().__init__()
        self._columns: list[Column] = [Column(tr("Line"), lambda item: item.row.line)]
        self._index: RowIndex | None = None
        self._parser: RowParser | None = None
        self._order: Sequence[int] | NDArray[np.int64] | None = None
        self._count = 0
        self._excluded: frozenset[int] = frozenset()
        self._pages: OrderedDict[int, list[PreviewRow]] = OrderedDict()
        self._queue: list[int] = []  # pages to be read, the newest request first
        self._reading: Task | None = None
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._read_page)

    def show_rows(self, index: "RowIndex | None", parser: "RowParser | None", columns: Sequence[Column]) -> None:
        """Show other rows, in the files' order."""
        self.beginResetModel()
        self._clear()
        self._index, self._parser, self._order = index, parser, None
        self._columns = list(columns)
        self._count = index.rows if index else 0
        self.endResetModel()

    def grow(self, index: "RowIndex", parser: "RowParser") -> None:
        """More rows of the same files are known."""
        self._index, self._parser = index, parser
        if self._order is None and index.rows > self._count:
            partial = self._count // PAGE
            self.beginInsertRows(_NO_PARENT, self._count, index.rows - 1)
            self._count = index.rows
            self._pages.pop(partial, None)  # it was shorter than a page
            self.endInsertRows()

    def set_excluded(self, numbers: frozenset[int]) -> None:
        """Mark these rows, counted from 1, as left out by the person."""
        if numbers != self._excluded:
            self._excluded = numbers
            if self._count:
                self.dataChanged.emit(self.index(0, 0), self.index(self._count - 1, len(self._columns) - 1))

    def is_excluded(self, item: "PreviewRow") -> bool:
        """Whether the person has left this row out."""
        return item.number + 1 in self._excluded

    def set_order(self, order: "Sequence[int] | NDArray[np.int64] | None") -> None:
        """Show the rows of these numbers, counted from 0, in this order; None for all rows in the files' order."""
        self.beginResetModel()
        self._clear()
        self._order = order
        self._count = len(order) if order is not None else self._index.rows if self._index else 0
        self.endResetModel()

    def row_at(self, row: int) -> "PreviewRow | None":
        """A row of the table; None until its page is read, which this call requests."""
        page, offset = divmod(row, PAGE)
        if page not in self._pages:
            self._request_page(page)
            return None
        self._pages.move_to_end(page)
        items = self._pages[page]
        return items[offset] if offset < len(items) else None

    def column(self, number: int) -> Column:
        """A column of the table."""
        return self._columns[number]

    def rowCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._columns[section].heading
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ForegroundRole, Qt.ItemDataRole.DecorationRole):
            return None
        item = self.row_at(index.row())
        if item is None:
            return "…" if role == Qt.ItemDataRole.DisplayRole and index.column() else None
        reason, by_choice = self._skip_reason(item) if index.column() == 1 else ("", False)
        if role == Qt.ItemDataRole.DisplayRole:
            return reason or _format_cell(self._columns[index.column()].cell(item))
        colours = theme.colours(theme.palette())
        if role == Qt.ItemDataRole.DecorationRole:
            return icons.icon("bad", colours.bad, size=16) if reason and not by_choice else None
        if self.is_excluded(item):
            return colours.secondary
        return None if not reason else colours.secondary if by_choice else colours.bad

    def _skip_reason(self, item: "PreviewRow") -> tuple[str, bool]:
        """(reason why nothing is learned from a row, whether that was chosen); ("", False) where something is."""
        if self.is_excluded(item):
            first = _format_cell(self._columns[1].cell(item)) if len(self._columns) > 1 else ""
            return f"{LEFT_OUT_LABEL} · {first}" if first else LEFT_OUT_LABEL, True
        if self._parser is None or not self._parser.format.shapes:
            return "", False
        if item.problem:
            return item.problem, False
        return ("", False) if item.examples else (_NOT_LEARNED, True)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.sort_requested.emit(column, order == Qt.SortOrder.DescendingOrder)

    def _request_page(self, page: int) -> None:
        if page in self._queue:
            self._queue.remove(page)
        self._queue = [page, *self._queue[: _MAX_QUEUE - 1]]
        if self._reading is None and not self._timer.isActive():
            self._timer.start()

    def _read_page(self) -> None:
        if not self._queue or self._index is None or self._parser is None:
            return
        number = self._queue.pop()
        index, parser, order = self._index, self._parser, self._order
        table_rows = range(number * PAGE, min((number + 1) * PAGE, self._count))

        def work() -> "list[PreviewRow]":
            from core.data.preview.page import read_page

            numbers = table_rows if order is None else [int(order[row]) for row in table_rows]
            return read_page(index, parser, numbers)

        self._reading = Task(self, work, done=lambda items: self._show_page(number, items), failed=self._fail)

    def _show_page(self, number: int, items: "list[PreviewRow]") -> None:
        self._reading = None
        self._pages[number] = items
        while len(self._pages) > _MAX_PAGES:
            self._pages.popitem(last=False)
        last = min((number + 1) * PAGE, self._count) - 1
        self.dataChanged.emit(self.index(number * PAGE, 0), self.index(last, len(self._columns) - 1))
        if self._queue:
            self._timer.start()

    def _fail(self, sentence: str) -> None:
        self._reading = None
        self._queue = []
        self.failed.emit(sentence)

    def _clear(self) -> None:
        if self._reading:
            self._reading.cancel()
        self._reading, self._queue = None, []
        self._pages.clear()


def _format_cell(value: str | int) -> str:
    if isinstance(value, int):
        return localize(f"{value:,}")
    text = " ".join(value[: 2 * _MAX_CELL].split())
    return text if len(text) <= _MAX_CELL else text[:_MAX_CELL] + "…"
