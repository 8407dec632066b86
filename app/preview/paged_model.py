"""A table of any number of rows, of which only the pages that are looked at are read, on a thread of their own."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal

from app.preview.cells import LEFT_OUT, Column
from app.style import icons, theme
from app.threads.task import Task

if TYPE_CHECKING:  # NumPy takes long to import
    import numpy as np
    from numpy.typing import NDArray

    from core.data.check.row_parser import RowParser
    from core.data.preview.page import PreviewRow
    from core.data.read.index import RowIndex

Place = QModelIndex | QPersistentModelIndex
PAGE = 64  # rows read at once
_KEPT = 64  # pages kept in memory
_WANTED = 4  # pages that are still to be read; who scrolls on does not wait for those passed by
_LONGEST = 400  # characters of a cell; the whole text is shown beside the table
_NOTHING = "Nothing is learned from it with this goal."
_NOWHERE = QModelIndex()


class PagedRows(QAbstractTableModel):
    """Rows of a dataset through an index, in the files' order or another. `failed(sentence)` when reading breaks off,
    `sorted(column, descending)` when the person asks for another order."""

    failed = Signal(str)
    sort_asked = Signal(int, bool)

    def __init__(self) -> None:
        super().__init__()
        self._columns: list[Column] = [("Line", lambda s: s.row.line)]
        self._index: RowIndex | None = None
        self._meaning: RowParser | None = None
        self._order: Sequence[int] | NDArray[np.int64] | None = None
        self._count = 0
        self._excluded: frozenset[int] = frozenset()
        self._pages: OrderedDict[int, list[PreviewRow]] = OrderedDict()
        self._wanted: list[int] = []
        self._reading: Task | None = None
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._read)

    def show_rows(self, index: "RowIndex | None", meaning: "RowParser | None", columns: Sequence[Column]) -> None:
        """Show other rows, in the files' order."""
        self.beginResetModel()
        self._forget()
        self._index, self._meaning, self._order = index, meaning, None
        self._columns = list(columns)
        self._count = index.rows if index else 0
        self.endResetModel()

    def grow(self, index: "RowIndex", meaning: "RowParser") -> None:
        """More rows of the same files are known."""
        self._index, self._meaning = index, meaning
        if self._order is None and index.rows > self._count:
            partial = self._count // PAGE
            self.beginInsertRows(_NOWHERE, self._count, index.rows - 1)
            self._count = index.rows
            self._pages.pop(partial, None)  # it was shorter than a page
            self.endInsertRows()

    def exclude(self, numbers: frozenset[int]) -> None:
        """These rows, counted from 1, are left out by the person."""
        if numbers != self._excluded:
            self._excluded = numbers
            if self._count:
                self.dataChanged.emit(self.index(0, 0), self.index(self._count - 1, len(self._columns) - 1))

    def excluded(self, shown: "PreviewRow") -> bool:
        """Whether a person has left this row out."""
        return shown.number + 1 in self._excluded

    def put_in_order(self, order: "Sequence[int] | NDArray[np.int64] | None") -> None:
        """Show these rows in this order, all in the files' order for None."""
        self.beginResetModel()
        self._forget()
        self._order = order
        self._count = len(order) if order is not None else self._index.rows if self._index else 0
        self.endResetModel()

    def shown(self, row: int) -> "PreviewRow | None":
        """A row of the table; None until its page is read."""
        page, place = divmod(row, PAGE)
        if page not in self._pages:
            self._want(page)
            return None
        self._pages.move_to_end(page)
        rows = self._pages[page]
        return rows[place] if place < len(rows) else None

    def column(self, number: int) -> Column:
        return self._columns[number]

    def rowCount(self, parent: Place = _NOWHERE) -> int:
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Place = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._columns[section][0]
        return None

    def data(self, index: Place, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ForegroundRole, Qt.ItemDataRole.DecorationRole):
            return None
        shown = self.shown(index.row())
        if shown is None:
            return "…" if role == Qt.ItemDataRole.DisplayRole and index.column() else None
        why, by_choice = self._left_out(shown) if index.column() == 1 else ("", False)
        if role == Qt.ItemDataRole.DisplayRole:
            return why or _short(self._columns[index.column()][1](shown))
        colours = theme.colours(theme.palette())
        if role == Qt.ItemDataRole.DecorationRole:
            return icons.icon("bad", colours.bad, size=16) if why and not by_choice else None
        if self.excluded(shown):
            return colours.secondary
        return None if not why else colours.secondary if by_choice else colours.bad

    def _left_out(self, shown: "PreviewRow") -> tuple[str, bool]:
        """(why nothing is learned from a row, whether that was chosen); "" where something is."""
        if self.excluded(shown):
            first = _short(self._columns[1][1](shown)) if len(self._columns) > 1 else ""
            return f"{LEFT_OUT} · {first}" if first else LEFT_OUT, True
        if self._meaning is None or not self._meaning.format.shapes:
            return "", False
        if shown.problem:
            return shown.problem, False
        return ("", False) if shown.examples else (_NOTHING, True)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.sort_asked.emit(column, order == Qt.SortOrder.DescendingOrder)

    def _want(self, page: int) -> None:
        if page in self._wanted:
            self._wanted.remove(page)
        self._wanted = [page, *self._wanted[: _WANTED - 1]]
        if self._reading is None and not self._soon.isActive():
            self._soon.start()

    def _read(self) -> None:
        if not self._wanted or self._index is None or self._meaning is None:
            return
        number = self._wanted.pop()
        index, meaning, order = self._index, self._meaning, self._order
        places = range(number * PAGE, min((number + 1) * PAGE, self._count))

        def work() -> "list[PreviewRow]":
            from core.data.preview.page import read_page

            numbers = places if order is None else [int(order[place]) for place in places]
            return read_page(index, meaning, numbers)

        self._reading = Task(self, work, done=lambda rows: self._came(number, rows), failed=self._broke_off)

    def _came(self, number: int, rows: "list[PreviewRow]") -> None:
        self._reading = None
        self._pages[number] = rows
        while len(self._pages) > _KEPT:
            self._pages.popitem(last=False)
        last = min((number + 1) * PAGE, self._count) - 1
        self.dataChanged.emit(self.index(number * PAGE, 0), self.index(last, len(self._columns) - 1))
        if self._wanted:
            self._soon.start()

    def _broke_off(self, sentence: str) -> None:
        self._reading = None
        self._wanted = []
        self.failed.emit(sentence)

    def _forget(self) -> None:
        if self._reading:
            self._reading.drop()
        self._reading, self._wanted = None, []
        self._pages.clear()


def _short(value: str | int) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    short = " ".join(value[: 2 * _LONGEST].split())
    return short if len(short) <= _LONGEST else short[:_LONGEST] + "…"
