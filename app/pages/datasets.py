"""The Data page: the datasets that were opened or learned from, what was found in them and which runs used them."""

import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.desktop.language import localize, tr, tr_count
from app.runs import datasets
from app.runs.datasets import CHANGED, GONE, HERE, ON_HUB, ListedDataset
from app.runs.inputs import read_run_inputs
from app.runs.labels import files_label
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import Button, plain_button, primary_button, quiet_button
from app.widgets.card import card_around, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.empty_page import make_empty_page
from app.widgets.item_model import Column, ItemModel
from app.widgets.labels import Label, title
from app.widgets.table import Table
from core import methods
from core.run import Run, runs_folder

if TYPE_CHECKING:
    from app.pages.dataset_preview import DatasetPreview

_WIDTHS = {1: 164, 2: 80, 3: 108, 4: 60, 5: 116, 6: 136}
_WIDE = 900  # pixels of the table that show the kind as well
_FORMAT_COLUMN = 1  # that a narrow window leaves out
_STATES = {
    HERE: tr("Here"), CHANGED: tr("Changed since"), GONE: tr("Gone"), ON_HUB: tr("Hugging Face"),
}  # fmt: skip


def _format_rows(item: ListedDataset) -> str:
    return "–" if item.dataset.rows is None else localize(f"{item.dataset.rows:,}")


def _format_findings(item: ListedDataset) -> str:
    """How many findings were counted."""
    if item.dataset.rows is None:
        return "–"
    count = sum(item.dataset.problems.values())
    return tr_count("{count:,} finding", "{count:,} findings", count) if count else tr("none")


def _format_time(item: ListedDataset) -> str:
    time = datetime.datetime.fromtimestamp(item.dataset.last_used)
    return (
        tr("{time:%d %b, %H:%M}", time=time)
        if time.year == datetime.datetime.now().year
        else tr("{time:%d %b %Y}", time=time)
    )


COLUMNS: list[Column] = [
    (tr("Dataset"), lambda item: files_label(item.dataset.path)),
    (tr("Kind"), lambda item: item.dataset.format or "–"),
    (tr("Rows"), _format_rows),
    (tr("Findings"), _format_findings),
    (tr("Runs"), lambda item: str(len(item.runs)) if item.runs else "–"),
    (tr("Last used"), _format_time),
    (tr("State"), lambda item: _STATES[item.state]),
]


class DatasetsPage(QWidget):
    """`use(run)` to learn from a run's data; `choose_data` to open another file; `show_help` for that about data."""

    use = Signal(object)
    choose_data = Signal()
    show_help = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._task: Task | None = None
        layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        self._stack = QStackedWidget()
        layout.addWidget(self._stack)
        self._model = ItemModel(COLUMNS)
        self.table = Table(self._model, tr("Datasets"), _WIDTHS, row_height=36)
        self.table.set_optional_column(_FORMAT_COLUMN, _WIDE)
        for page in (self._build_empty_page(), self._build_list()):
            self._stack.addWidget(page)
        self.table.activated.connect(lambda index: self.open_selected())
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._update_buttons())
        self._update_buttons()

    @cached_property
    def preview(self) -> "DatasetPreview":
        """Built when a dataset is first opened: the window does not wait for the readers of data."""
        from app.pages.dataset_preview import DatasetPreview

        preview = DatasetPreview()
        preview.closed.connect(self._show_list)
        preview.use.connect(self.use)
        preview.counted.connect(_remember)
        self._stack.addWidget(preview)
        return preview

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Look at the list, the files and the runs again."""
        if self._task:
            self._task.cancel()
        self._task = Task(self, lambda: datasets.list_datasets(read_run_inputs(runs_folder())), done=self.show_datasets)

    def show_datasets(self, items: list[ListedDataset]) -> None:
        """Show these datasets; the selected one stays selected."""
        selected = self.selected()
        self._model.show_items(items)
        self.table.set_column_widths(_WIDTHS)
        if self._stack.currentIndex() < 2:  # none is open
            self._stack.setCurrentIndex(1 if items else 0)
        paths = [item.dataset.path for item in items]
        if items:
            known = selected is not None and selected.dataset.path in paths
            self.table.selectRow(paths.index(selected.dataset.path) if known and selected else 0)
        self._update_buttons()

    def selected(self) -> ListedDataset | None:
        """The dataset that is selected."""
        rows = self.table.selectionModel().selectedRows()
        if not rows or rows[0].row() >= self._model.rowCount():
            return None
        item: ListedDataset = self._model.item(rows[0].row())
        return item

    def open_selected(self) -> None:
        """Show the rows of the selected dataset."""
        if (item := self.selected()) and item.state != GONE:
            self.preview.open(_run_over(item))
            self._stack.setCurrentWidget(self.preview)

    def _show_list(self) -> None:
        self._stack.setCurrentIndex(1)
        self.refresh()

    def _use_selected(self) -> None:
        if item := self.selected():
            self.use.emit(_run_over(item))

    def _remove_selected(self) -> None:
        if item := self.selected():
            datasets.forget(item.dataset.path)
            self.refresh()

    def _build_list(self) -> QWidget:
        page = QWidget()
        layout = vbox(page, gap=theme.GRID + 4)
        header, self.help_button = self._build_header()
        self.choose_button = quiet_button(tr("Open another file…"), "folder")
        self.choose_button.clicked.connect(self.choose_data)
        header.addWidget(self.choose_button)
        layout.addLayout(header)
        layout.addWidget(card_around(self.table), 1)
        layout.addLayout(self._build_buttons())
        self._detail = Label("", "caption", tone="secondary", selectable=True)
        layout.addWidget(self._detail)
        return page

    def _build_header(self) -> tuple[QHBoxLayout, Button]:
        """The page's title, and the button for the help on data."""
        header = hbox(gap=8)
        header.addWidget(title(tr("Data")), 1)
        help_button = quiet_button(tr("About data files"), "info")
        help_button.clicked.connect(self.show_help)
        header.addWidget(help_button)
        return header, help_button

    def _build_buttons(self) -> QHBoxLayout:
        row = hbox(gap=8)
        self.open_button = primary_button(tr("Open"), "file")
        self.use_button = plain_button(tr("Use in a new run"), "new")
        self.remove_button = plain_button(tr("Remove from the list"))
        self.open_button.clicked.connect(self.open_selected)
        self.use_button.clicked.connect(self._use_selected)
        self.remove_button.clicked.connect(self._remove_selected)
        for button in (self.open_button, self.use_button, self.remove_button):
            row.addWidget(button)
        row.addStretch()
        return row

    def _build_empty_page(self) -> QWidget:
        self.begin = primary_button(tr("Open a file…"), "folder")
        self.begin.clicked.connect(self.choose_data)
        words = tr("Each file that you open or learn from is listed here, with what was found in it.")
        page = QWidget()
        layout = vbox(page, gap=theme.GRID + 4)
        layout.addLayout(self._build_header()[0])
        layout.addWidget(make_empty_page("file", tr("No data yet"), words, self.begin), 1)
        return page

    def _update_buttons(self) -> None:
        item = self.selected()
        is_there = item is not None and item.state != GONE
        none_chosen = "" if item is not None else tr("Select a dataset.")
        for button in (self.open_button, self.use_button):
            disable(button, "" if is_there else none_chosen or tr("It is not there any more."))
        disable(self.remove_button, none_chosen)
        self._detail.set_tone("warn" if item is not None and item.state in (GONE, CHANGED) else "secondary")
        self._detail.setText(_describe(item) if item else "")


def _describe(item: ListedDataset) -> str:
    """Where a dataset is, what is the matter with it, and the runs that learned from it."""
    parts = [item.dataset.path.replace("\n", ", ")]
    if item.state == GONE:
        parts.append(tr("It is not there any more."))
    if item.state == CHANGED:
        parts.append(tr("It has changed since it was read: open it to count again."))
    if item.dataset.left_out:
        parts.append(tr_count("{count:,} row is left out.", "{count:,} rows are left out.", item.dataset.left_out))
    names = ", ".join(run.name for run in item.runs[:3])
    if names:
        parts.append(tr("Learned from by {names}", names=names) + (" …" if len(item.runs) > 3 else "."))
    return " · ".join(parts)


def _run_over(item: ListedDataset) -> Run:
    """A run that learns from a dataset by the method that it was opened with."""
    entry = item.dataset
    run = Run(method=entry.method) if entry.method in methods.load() else Run()
    return run.replace("data.path", entry.path).replace("data.eval_path", entry.eval_path)


def _remember(run: Run, name: str, scanned: Any) -> None:
    datasets.remember(run, name, scanned.index.rows, scanned.left_out, scanned.problems)
