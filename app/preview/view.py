"""The four tabs of a dataset. Whoever reads the dataset hands them what has been read; tokenizers are loaded here."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.preview.dataset_reader import LoadedTokenizer, ReadUpdate, load_run_tokenizer, tokenizer_key
from app.preview.lengths_tab import LengthsTab
from app.preview.problems_tab import ProblemsTab
from app.preview.rows_tab import RowsTab
from app.preview.token_tab import TokenTab
from app.runs.labels import model_label
from app.threads.task import Task
from app.widgets.card import vbox
from app.widgets.tabs import Tabs
from core.run import Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.preview.scan import FilePreview, ScanResult
    from core.data.read.reader import Finding

_MAX_FINDINGS = 20_000  # kept to be listed


class Preview(QWidget):
    """Tabs Rows, What the model sees, Lengths, Problems. `changed(key, value)` when a tab changes the run;
    `needs_tokenizer` when a tab that needs one is opened without; `map_columns` when the person wants to say which
    column is what, `use_as_context` when the columns that nothing reads are the context; `failed(sentence)` when
    reading a page of rows fails."""

    changed = Signal(str, object)
    needs_tokenizer = Signal()
    map_columns = Signal()
    use_as_context = Signal()
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._tokenizing: Task | None = None
        self._tokenizer_key: tuple[Any, ...] = ()  # of the tokenizer that is shown or loaded
        self.tabs = Tabs(tr("Views of the dataset"))
        self.rows, self.tokens = RowsTab(), TokenTab()
        self.lengths, self.problems = LengthsTab(), ProblemsTab()
        for title, page in (
            (tr("Rows"), self.rows),
            (tr("What the model sees"), self.tokens),
            (tr("Lengths"), self.lengths),
            (tr("Problems"), self.problems),
        ):
            self.tabs.add(title, page)
        vbox(self).addWidget(self.tabs)
        self.rows.row_opened.connect(self._open_row)
        self.rows.failed.connect(self.failed)
        self.rows.changed.connect(self.changed)
        self.rows.needs_tokenizer.connect(self.needs_tokenizer)
        for tab in (self.tokens, self.lengths):
            tab.needs_tokenizer.connect(self.needs_tokenizer)
            tab.changed.connect(self.changed)
        self.problems.changed.connect(self.changed)
        self.problems.map_columns.connect(self.map_columns)
        self.problems.use_as_context.connect(self.use_as_context)

    def show_head(self, head: "FilePreview | None", run: Run) -> None:
        """Show the first rows of a dataset that is read for a run, or nothing."""
        self._findings, self._counts = [], Counter()
        index, parser = (head.index, head.parser) if head else (None, None)
        self.rows.show_data(run.spec.data, index, parser)
        self.tokens.show_data(index, parser)
        self.lengths.show_data(index, parser)
        self._show_findings(0)

    def show_update(self, update: ReadUpdate, head: "FilePreview") -> None:
        """More rows have been read."""
        self._findings += update.findings[: _MAX_FINDINGS - len(self._findings)]
        self._counts.update(f.code for f in update.findings)
        index = update.progress.index
        if index.rows > head.index.rows:
            self.rows.grow(index, head.parser)
            self.tokens.grow(index, head.parser)
            self.lengths.grow(index, head.parser)
        if update.findings:
            self._show_findings(index.rows)

    def show_scanned(self, scanned: "ScanResult") -> None:
        """All rows have been read."""
        from core.data.read.reader import sort_findings

        self._findings = sort_findings(self._findings, scanned.index.files)
        self._counts = Counter(scanned.problems)
        self.rows.grow(scanned.index, scanned.parser, last=True)
        self.tokens.grow(scanned.index, scanned.parser)
        self.lengths.grow(scanned.index, scanned.parser, last=True)
        self._show_findings(scanned.index.rows)

    def show_run(self, run: Run) -> None:
        """The run's options changed: other tokens may be learned or cut."""
        self.rows.show_run(run)
        self.tokens.show_run(run)
        self.lengths.show_run(run)
        self.problems.show_run(run)

    def load_tokenizer(self, run: Run) -> None:
        """Load and show the tokenizer of a run's model, or say why there is none. Once, until it is dropped."""
        if tokenizer_key(run) == self._tokenizer_key:
            return
        self._stop_loading()
        self._tokenizer_key, name = tokenizer_key(run), model_label(run)
        self.show_tokenizer(None, tr("Loading the tokenizer of {name}…", name=name))
        absent = tr("{name} is not on this computer yet. Its tokens can be shown once it is downloaded.", name=name)
        self._tokenizing = Task(
            self,
            lambda: load_run_tokenizer(run),
            done=lambda loaded: self.show_tokenizer(loaded, "" if loaded else absent),
            failed=lambda sentence: self.show_tokenizer(None, sentence),
        )

    def drop_tokenizer(self) -> None:
        """Use the tokenizer no more; a tab that needs one asks for it."""
        self._stop_loading()
        self._tokenizer_key = ()
        self.show_tokenizer(None, tr("Loading the tokenizer…"))

    def _stop_loading(self) -> None:
        if self._tokenizing:
            self._tokenizing.cancel()
            self._tokenizing = None

    def show_tokenizer(self, loaded: LoadedTokenizer | None, reason: str = "") -> None:
        """Use this tokenizer; where there is none, `reason` is shown instead."""
        self.rows.show_tokenizer(loaded)
        self.tokens.show_tokenizer(loaded, reason)
        self.lengths.show_tokenizer(loaded, reason)

    def _open_row(self, number: int) -> None:
        self.tabs.show_page(self.tokens)
        self.tokens.show_row(number)

    def _show_findings(self, rows: int) -> None:
        notes = {finding.code for finding in self._findings if finding.severity == "note"}  # which are no problems
        total = sum(count for code, count in self._counts.items() if code not in notes)
        self.tabs.rename(self.problems, tr("Problems ({total:,})", total=total) if total else tr("Problems"))
        self.problems.show_findings(self._findings, self._counts, rows)
