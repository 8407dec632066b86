"""The tab Rows: every row of the files in a table, searched and sorted, the chosen one in full beside it."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QShortcut
from PySide6.QtWidgets import QSplitter, QWidget

from app.desktop.language import localize, tr, tr_count
from app.preview.cells import table_columns
from app.preview.dataset_reader import LoadedTokenizer
from app.preview.paged_model import PagedRows
from app.preview.row_parts import RowPart, find_row_dropped, row_parts
from app.preview.row_reader import RowView
from app.style import theme
from app.threads.task import Task
from app.threads.throttle import Throttle
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, card_around, hbox, vbox
from app.widgets.labels import Label
from app.widgets.line_edit import LineEdit
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
    """`row_opened(number)` when a row is to be shown as the model sees it; `changed(key, value)` when a row is left out
    or taken back in; `needs_tokenizer` when a row is shown in full and there is none yet; `failed(sentence)` when
    reading fails."""

    row_opened = Signal(int)
    changed = Signal(str, object)
    needs_tokenizer = Signal()
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._index: RowIndex | None = None
        self._parser: RowParser | None = None
        self._sort_order = (0, False)  # (column, whether it is descending)
        self._searching: Task | None = None
        self._tokenizer: Any = None
        self._finding_dropped: Task | None = None
        self.model = PagedRows()
        self.search = LineEdit(tr("Search the rows"), tr("Search the rows"))
        self.search.setClearButtonEnabled(True)
        self.state = Label(tone="secondary", figures=True, wrap=False)
        self.cancel = quiet_button(tr("Cancel"))
        self.cancel.clicked.connect(self._cancel)
        self.cancel.hide()
        self.table = Table(self.model, tr("Rows of the dataset"), {}, sortable=True)
        self._exclude: tuple[str, ...] = ()  # the run's data.exclude
        self._excluded_rows: frozenset[int] = frozenset()  # the single rows in it, counted from 1
        self._current: PreviewRow | None = None  # the row beside the table; it stays when the order changes
        self._shown: PreviewRow | None = None  # the row whose parts are shown
        self.row_view = RowView()
        self.leave_out = quiet_button(tr("Leave this row out"), "bad")
        self.leave_out.setToolTip(
            tr("The Delete key does the same. Your file stays as it is; the run keeps the choice.")
        )
        self.leave_out.clicked.connect(self._toggle)
        self._side = Card()
        side_layout = vbox(self._side, 5, 4)
        side_layout.addWidget(self.row_view, 1)
        side_layout.addWidget(self.leave_out, 0, Qt.AlignmentFlag.AlignLeft)
        self._side.hide()
        for key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            shortcut = QShortcut(key, self.table, context=Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(self._toggle)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(theme.GRID)
        split.addWidget(card_around(self.table))
        split.addWidget(self._side)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        head = hbox()
        head.addWidget(self.search, 1)
        head.addWidget(self.state)
        head.addWidget(self.cancel)
        layout = vbox(self)
        layout.addLayout(head)
        layout.addWidget(split, 1)
        search_soon = Throttle(self._search, _TYPING_MS, self, debounce=True)
        self.search.textChanged.connect(lambda _: search_soon())
        self.model.sort_requested.connect(self._sort)
        self.model.failed.connect(self.failed)
        self.model.dataChanged.connect(self._show_chosen)
        self.table.selectionModel().currentChanged.connect(self._show_chosen)
        self.table.doubleClicked.connect(self._open)
        self.table.activated.connect(self._open)

    def show_data(self, kind: str, index: "RowIndex | None", parser: "RowParser | None") -> None:
        """Show other rows, of a kind of data; None for no rows."""
        if self._searching:
            self._searching.cancel()
        self._index, self._parser, self._searching, self._sort_order = index, parser, None, (0, False)
        self.search.blockSignals(True)
        self.search.clear()
        self.search.blockSignals(False)
        columns = table_columns(kind, parser.format) if parser else [self.model.column(0)]
        self._current = self._shown = None
        self._side.hide()
        self.row_view.show_parts([])
        self.model.show_rows(index, parser, columns)
        header = self.table.horizontalHeader()
        header.blockSignals(True)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        header.blockSignals(False)
        narrow = (tr("Line"), tr("Length"), tr("Mark"))
        self.table.set_column_widths({n: _NARROW for n, column in enumerate(columns) if column.heading in narrow})
        self.table.set_optional_column(len(columns) - 1, _SPARE)
        self._update_state()

    def show_run(self, run: Run) -> None:
        """The run's options changed: other rows may be left out."""
        if run.data.exclude != self._exclude:
            self._exclude, self._excluded_rows = run.data.exclude, exclude.excluded_rows(run.data.exclude)
            self.model.set_excluded(self._excluded_rows)
            self._update_state()

    def show_tokenizer(self, loaded: LoadedTokenizer | None) -> None:
        """Use this tokenizer's chat template to tell what the model does not see of the row beside the table."""
        self._tokenizer, self._shown = loaded.tokenizer if loaded else None, None
        if self.isVisible():
            self._show_chosen()

    def grow(self, index: "RowIndex", parser: "RowParser", last: bool = False) -> None:
        """More rows of the same files are known; with `last`, all are."""
        self._index, self._parser = index, parser
        self.model.grow(index, parser)
        if not self._is_reordered:
            self._update_state()
        elif last:
            self._search()

    @property
    def _is_reordered(self) -> bool:
        return bool(self.search.text().strip()) or self._sort_order != (0, False)

    def _sort(self, number: int, descending: bool) -> None:
        if (number, descending) != self._sort_order:
            self._sort_order = number, descending
            self._search()

    def _search(self) -> None:
        """Search for the words, or sort, on a thread; the rows found so far are shown meanwhile."""
        if self._searching:
            self._searching.cancel()
            self._searching = None
        self.cancel.hide()
        if self._index is None or self._parser is None:
            return
        index, parser, words = self._index, self._parser, self.search.text()
        number, descending = self._sort_order
        if not words.strip() and number == 0:
            self.model.set_order(range(index.rows - 1, -1, -1) if descending else None)
            self._update_state()
            return
        key = self.model.column(number).cell if number else None

        def work() -> object:
            from core.data.preview.page import search_rows

            return search_rows(index, parser, words, key, descending)

        self.state.setText(tr("Looking…") if words.strip() else tr("Sorting…"))
        self.cancel.show()
        self._searching = Task(self, work, self._finish_search, self._fail, self._show_matches)

    def _show_matches(self, matches: "RowSearch") -> None:
        finished = matches.rows_read >= matches.total
        rows = matches.rows
        if rows is not None and (finished or len(rows) != self.model.rowCount()):
            backwards = self._sort_order == (0, True)  # by line: the files' order, from the end
            self.model.set_order(rows[::-1] if backwards else rows)
        if not finished:
            share = localize(f"{matches.rows_read / matches.total:.0%}")
            self.state.setText(
                tr("{count:,} found, {share}", count=len(rows), share=share)
                if rows is not None
                else tr("Sorting, {share}", share=share)
            )

    def _finish_search(self, _: object) -> None:
        self._searching = None
        self.cancel.hide()
        self._update_state()

    def _fail(self, sentence: str) -> None:
        self._finish_search(None)
        self.failed.emit(sentence)

    def _cancel(self) -> None:
        """Back to all rows in the files' order."""
        self.search.clear()
        self.table.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self._sort_order = 0, False
        self._search()

    def _update_state(self) -> None:
        count = self.model.rowCount()
        if self.search.text().strip():
            words = tr("{count:,} found", count=count)
        else:
            words = tr_count("{count:,} row", "{count:,} rows", count)
            if self._excluded_rows:
                words += ", " + tr("{count:,} left out", count=len(self._excluded_rows))
        self.state.setText(words if self._index is not None else "")

    def _show_chosen(self) -> None:
        """Show the chosen row in full beside the table, once its page is read."""
        item = self._current = self._chosen_row() or self._current
        if item is not None:
            self._show_parts(item)
            self.leave_out.setText(
                tr("Take this row back in") if self.model.is_excluded(item) else tr("Leave this row out")
            )
            self._side.show()

    def _show_parts(self, item: "PreviewRow") -> None:
        """Show a row in full, and strike through what the chat template drops of it once that is known."""
        if self._finding_dropped:
            self._finding_dropped.cancel()
            self._finding_dropped = None
        tokenizer = self._tokenizer
        if item != self._shown:
            self._shown = item
            self.row_view.show_parts(row_parts(item))
        if not any(example.messages for example in item.examples):
            return
        if tokenizer is None:
            self.needs_tokenizer.emit()
            return

        def work() -> list[RowPart]:
            return row_parts(item, find_row_dropped(item, tokenizer))

        self._finding_dropped = Task(self, work, done=self.row_view.show_parts, failed=self.failed.emit)

    def _chosen_row(self) -> "PreviewRow | None":
        index = self.table.selectionModel().currentIndex()
        return self.model.row_at(index.row()) if index.isValid() else None

    def _toggle(self) -> None:
        """Leave the row beside the table out of the run, or take it back in."""
        item = self._current
        if item is not None:
            entry = exclude.row_entry(item.number + 1)
            entries = tuple(e for e in self._exclude if e != entry)
            self.changed.emit("data.exclude", entries if entry in self._exclude else (*entries, entry))

    def _open(self, index: QModelIndex) -> None:
        item = self.model.row_at(index.row())
        if item is not None:
            self.row_opened.emit(item.number)
