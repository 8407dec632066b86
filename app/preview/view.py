"""The four tabs of a dataset, fed from the news of its reading."""

from collections import Counter
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.preview.dataset_reader import Found, News
from app.preview.lengths_tab import LengthsTab
from app.preview.problems_tab import ProblemsTab
from app.preview.rows_tab import RowsTab
from app.preview.token_tab import SeenTab
from app.widgets.card import column
from app.widgets.tabs import Tabs
from core.run import Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.preview.scan import FilePreview, ScanResult
    from core.data.read.reader import Finding

_LISTED = 20_000  # findings kept


class Preview(QWidget):
    """Tabs Rows, What the model sees, Lengths, Problems. `changed(key, value)` for the run; `needs_tokenizer` when a
    tab that needs one is looked at without; `failed(sentence)` when reading a page breaks off."""

    changed = Signal(str, object)
    needs_tokenizer = Signal()
    map_columns = Signal()
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self.tabs = Tabs("Views of the dataset")
        self.rows, self.seen = RowsTab(), SeenTab()
        self.lengths, self.problems = LengthsTab(), ProblemsTab()
        for title, page in (
            ("Rows", self.rows),
            ("What the model sees", self.seen),
            ("Lengths", self.lengths),
            ("Problems", self.problems),
        ):
            self.tabs.add(title, page)
        column(self).addWidget(self.tabs)
        self.rows.opened.connect(self._open_row)
        self.rows.failed.connect(self.failed)
        self.rows.changed.connect(self.changed)
        for tab in (self.seen, self.lengths):
            tab.needs_tokenizer.connect(self.needs_tokenizer)
            tab.changed.connect(self.changed)
        self.problems.changed.connect(self.changed)
        self.problems.map_columns.connect(self.map_columns)

    def show_head(self, head: "FilePreview | None", run: Run) -> None:
        """Show the first rows of a dataset that is read for a run, or nothing."""
        self._findings, self._counts = [], Counter()
        index, meaning = (head.index, head.parser) if head else (None, None)
        self.rows.show_data(run.spec.data, index, meaning)
        self.seen.show_data(index, meaning)
        self.lengths.show_data(index, meaning)
        self._show_findings(0)

    def show_news(self, news: News, head: "FilePreview") -> None:
        """More has been read."""
        self._findings += news.findings[: _LISTED - len(self._findings)]
        self._counts.update(f.code for f in news.findings)
        index = news.progress.index
        if index.rows > head.index.rows:
            self.rows.grow(index, head.parser)
            self.seen.grow(index, head.parser)
            self.lengths.grow(index, head.parser)
        if news.findings:
            self._show_findings(index.rows)

    def show_scanned(self, scanned: "ScanResult") -> None:
        """All has been read."""
        from core.data.read.reader import sort_findings

        self._findings = sort_findings(self._findings, scanned.index.files)
        self._counts = Counter(scanned.problems)
        self.rows.grow(scanned.index, scanned.parser, last=True)
        self.seen.grow(scanned.index, scanned.parser)
        self.lengths.grow(scanned.index, scanned.parser, last=True)
        self._show_findings(scanned.index.rows)

    def show_run(self, run: Run) -> None:
        """The run's options changed: other tokens may be learned or cut."""
        self.rows.show_run(run)
        self.seen.show_run(run)
        self.lengths.show_run(run)
        self.problems.show_run(run)

    def show_tokenizer(self, found: Found | None, reason: str = "") -> None:
        """Use this tokenizer, or say why there is none."""
        self.seen.show_tokenizer(found, reason)
        self.lengths.show_tokenizer(found, reason)

    def _open_row(self, number: int) -> None:
        self.tabs.show_page(self.seen)
        self.seen.go(number)

    def _show_findings(self, rows: int) -> None:
        total = sum(self._counts.values())
        self.tabs.rename(self.problems, f"Problems ({total:,})" if total else "Problems")
        self.problems.show_findings(self._findings, self._counts, rows)
