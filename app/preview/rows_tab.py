"""The tab Rows: every row of the files in a table, searched and sorted, the chosen one in full beside it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QShortcut
from PySide6.QtWidgets import QSplitter, QWidget

from app.preview.cells import columns, parts
from app.preview.paged_model import PagedRows
from app.preview.row_reader import RowReader
from app.style import theme
from app.threads.task import Task
from app.threads.throttle import Throttle
from app.widgets.buttons import quiet
from app.widgets.card import Card, column, framed, row
from app.widgets.labels import Text
from app.widgets.line_edit import Entry
from app.widgets.table import Table
from core.data.check import exclude
from core.run import Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.check.row_parser import RowParser
    from core.data.preview.page import PreviewRow, RowSearch
    from core.data.read.index import RowIndex

_TYPING_MS = 250
_SPARE = 480  # pixels of the table below which it does without the lengths
_NARROW = 74  # pixels of a column of numbers


class RowsTab(QWidget):
    """`opened(number)` when a row is to be seen as the model does; `changed(key, value)` when one is left out or taken
    back in; `failed(sentence)` when reading breaks off."""

    opened = Signal(int)
    changed = Signal(str, object)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._index: RowIndex | None = None
        self._meaning: RowParser | None = None
        self._sorted = (0, False)
        self._finding: Task | None = None
        self.model = PagedRows()
        self.search = Entry("Search the rows", "Search the rows")
        self.search.setClearButtonEnabled(True)
        self.state = Text(tone="secondary", figures=True, wrap=False)
        self.cancel = quiet("Cancel")
        self.cancel.clicked.connect(self._cancel)
        self.cancel.hide()
        self.table = Table(self.model, "Rows of the dataset", {}, sortable=True)
        self._exclude: tuple[str, ...] = ()  # the run's entries
        self._left_out: frozenset[int] = frozenset()  # the rows among them
        self._shown: PreviewRow | None = None  # what stands beside the table; it stays when the order changes
        self.reader = RowReader()
        self.leave_out = quiet("Leave this row out", "bad")
        self.leave_out.setToolTip("The Delete key does the same. Your file stays as it is; the run keeps the choice.")
        self.leave_out.clicked.connect(self._toggle)
        self._side = Card()
        beside = column(self._side, 5, 4)
        beside.addWidget(self.reader, 1)
        beside.addWidget(self.leave_out, 0, Qt.AlignmentFlag.AlignLeft)
        self._side.hide()
        for key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            pressed = QShortcut(key, self.table, context=Qt.ShortcutContext.WidgetShortcut)
            pressed.activated.connect(self._toggle)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(theme.GRID)
        split.addWidget(framed(self.table))
        split.addWidget(self._side)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        head = row()
        head.addWidget(self.search, 1)
        head.addWidget(self.state)
        head.addWidget(self.cancel)
        layout = column(self)
        layout.addLayout(head)
        layout.addWidget(split, 1)
        typed = Throttle(self._find, _TYPING_MS, self, settle=True)
        self.search.textChanged.connect(lambda _: typed())
        self.model.sort_asked.connect(self._sort)
        self.model.failed.connect(self.failed)
        self.model.dataChanged.connect(self._show_chosen)
        self.table.selectionModel().currentChanged.connect(self._show_chosen)
        self.table.doubleClicked.connect(self._open)
        self.table.activated.connect(self._open)

    def show_data(self, kind: str, index: "RowIndex | None", meaning: "RowParser | None") -> None:
        """Other rows, of a kind of data; None for none."""
        if self._finding:
            self._finding.drop()
        self._index, self._meaning, self._finding, self._sorted = index, meaning, None, (0, False)
        self.search.blockSignals(True)
        self.search.clear()
        self.search.blockSignals(False)
        shown = columns(kind, meaning.format) if meaning else [self.model.column(0)]
        self._shown = None
        self._side.hide()
        self.reader.show_parts([])
        self.model.show_rows(index, meaning, shown)
        header = self.table.horizontalHeader()
        header.blockSignals(True)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        header.blockSignals(False)
        names = [name for name, _ in shown]
        self.table.arrange({n: _NARROW for n, name in enumerate(names) if name in ("Line", "Length", "Mark")})
        self.table.set_spare(len(names) - 1, _SPARE)
        self._say()

    def show_run(self, run: Run) -> None:
        """The run's options changed: other rows may be left out."""
        if run.data.exclude != self._exclude:
            self._exclude, self._left_out = run.data.exclude, exclude.excluded_rows(run.data.exclude)
            self.model.exclude(self._left_out)
            self._say()

    def grow(self, index: "RowIndex", meaning: "RowParser", last: bool = False) -> None:
        """More rows of the same files are known; with `last`, all are."""
        self._index, self._meaning = index, meaning
        self.model.grow(index, meaning)
        if not self._changed_order:
            self._say()
        elif last:
            self._find()

    @property
    def _changed_order(self) -> bool:
        return bool(self.search.text().strip()) or self._sorted != (0, False)

    def _sort(self, number: int, descending: bool) -> None:
        if (number, descending) != self._sorted:
            self._sorted = number, descending
            self._find()

    def _find(self) -> None:
        """Look for the words, or sort, on a thread; the rows found so far are shown on the way."""
        if self._finding:
            self._finding.drop()
            self._finding = None
        self.cancel.hide()
        if self._index is None or self._meaning is None:
            return
        index, meaning, words = self._index, self._meaning, self.search.text()
        number, descending = self._sorted
        if not words.strip() and number == 0:
            self.model.put_in_order(range(index.rows - 1, -1, -1) if descending else None)
            self._say()
            return
        key = self.model.column(number)[1] if number else None

        def work() -> object:
            from core.data.preview.page import search_rows

            return search_rows(index, meaning, words, key, descending)

        self.state.setText("Looking…" if words.strip() else "Sorting…")
        self.cancel.show()
        self._finding = Task(self, work, self._found_all, self._broke_off, self._found)

    def _found(self, found: "RowSearch") -> None:
        over = found.rows_read >= found.total
        if found.rows is not None and (over or len(found.rows) != self.model.rowCount()):
            backwards = self._sorted == (0, True)  # by line: the files' order, from the end
            self.model.put_in_order(found.rows[::-1] if backwards else found.rows)
        if not over:
            share = f"{found.rows_read / found.total:.0%}"
            self.state.setText(f"{len(found.rows):,} found, {share}" if found.rows is not None else f"Sorting, {share}")

    def _found_all(self, _: object) -> None:
        self._finding = None
        self.cancel.hide()
        self._say()

    def _broke_off(self, sentence: str) -> None:
        self._found_all(None)
        self.failed.emit(sentence)

    def _cancel(self) -> None:
        """Back to all rows in the files' order."""
        self.search.clear()
        self.table.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self._sorted = 0, False
        self._find()

    def _say(self) -> None:
        count = self.model.rowCount()
        words = "found" if self.search.text().strip() else "row" if count == 1 else "rows"
        without = f", {len(self._left_out):,} left out" if self._left_out and words != "found" else ""
        self.state.setText(f"{count:,} {words}{without}" if self._index is not None else "")

    def _show_chosen(self) -> None:
        """Show the chosen row in full, once its page is read."""
        shown = self._shown = self._chosen() or self._shown
        if shown is not None:
            self.reader.show_parts(parts(shown))
            self.leave_out.setText("Take this row back in" if self.model.excluded(shown) else "Leave this row out")
            self._side.show()

    def _chosen(self) -> "PreviewRow | None":
        chosen = self.table.selectionModel().currentIndex()
        return self.model.shown(chosen.row()) if chosen.isValid() else None

    def _toggle(self) -> None:
        """Leave the row beside the table out of the run, or take it back in."""
        shown = self._shown
        if shown is not None:
            entry = exclude.row_entry(shown.number + 1)
            others = tuple(e for e in self._exclude if e != entry)
            self.changed.emit("data.exclude", others if entry in self._exclude else (*others, entry))

    def _open(self, index: QModelIndex) -> None:
        shown = self.model.shown(index.row())
        if shown is not None:
            self.opened.emit(shown.number)
