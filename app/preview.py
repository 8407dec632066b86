"""The two-sided preview of a dataset: its rows, and what the model sees of one of them."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app import theme
from app.rows import FINDINGS, Rows, columns
from app.widgets.buttons import quiet
from app.widgets.card import Card, column, row
from app.widgets.seen import SeenView
from app.widgets.table import Table
from app.widgets.tabs import Tabs
from app.widgets.text import Text, caption
from core.run import Run

if TYPE_CHECKING:
    from core.data.load import Dataset

_LEGEND = "Coloured, underlined: learned.  Grey: only read.  Framed: special tokens.  ✂ and struck through: cut."


class Preview(QWidget):
    """Tabs Rows, What the model sees, Problems. `needs_tokenizer` when the second is looked at without one."""

    needs_tokenizer = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._dataset: Dataset | None = None
        self._run: Run | None = None
        self._tokenizer: Any = None
        self._at = 0
        self._reason = "Loading the tokenizer…"
        self._rows = Rows([("Line", str)])
        self._findings = Rows(FINDINGS)
        self.table = Table(self._rows, "Rows of the dataset", {0: 64})
        self.problems = Table(self._findings, "Problems found in the dataset", {0: 110, 1: 64, 3: 200}, row_height=44)
        self.tabs = Tabs("Views of the dataset")
        self.tabs.add("Rows", _framed(self.table))
        self.seen_page = self.tabs.add("What the model sees", self._seen())
        self.problem_page = self.tabs.add("Problems", _framed(self.problems))
        column(self).addWidget(self.tabs)
        self.table.doubleClicked.connect(self._open_row)
        self.tabs.bar.currentChanged.connect(self._tab_changed)
        self.tabs.set_visible(self.problem_page, False)

    def show_data(self, dataset: "Dataset | None", run: Run) -> None:
        """Show a dataset that was read for a run, or nothing."""
        self._dataset, self._run, self._at = dataset, run, 0
        self._rows.show_items(dataset.examples if dataset else (), columns(run.spec.data))
        self.table.arrange({0: 64})
        findings = dataset.findings if dataset else ()
        self._findings.show_items(findings)
        self.problems.arrange({0: 110, 1: 64, 3: 200})
        self.tabs.rename(self.problem_page, f"Problems ({len(findings)})" if findings else "Problems")
        self.tabs.set_visible(self.problem_page, bool(findings))
        self._tab_changed()

    def show_run(self, run: Run) -> None:
        """The run's options changed: other tokens may be learned or cut."""
        self._run = run
        self._tab_changed()

    def show_tokenizer(self, tokenizer: Any, reason: str = "") -> None:
        """Use this tokenizer, or say why there is none."""
        self._tokenizer = tokenizer
        self._reason = reason
        self._tab_changed()

    @property
    def looking_at_tokens(self) -> bool:
        return self.tabs.stack.currentWidget() is self.seen_page

    def _seen(self) -> QWidget:
        page = QWidget()
        layout = column(page, gap=theme.GRID)
        head = row(gap=6)
        self.previous, self.next = quiet("", "back"), quiet("", "next")
        self.previous.setAccessibleName("Row before")
        self.next.setAccessibleName("Row after")
        self.previous.clicked.connect(lambda: self._step(-1))
        self.next.clicked.connect(lambda: self._step(1))
        self._where = Text(figures=True, wrap=False)
        self._count = Text(tone="secondary", figures=True, wrap=False)
        for part in (self.previous, self._where, self.next):
            head.addWidget(part)
        head.addStretch()
        head.addWidget(self._count)
        layout.addLayout(head)
        self.views = (SeenView(), SeenView())
        sides = QWidget()
        beside = row(sides)
        frames = [_framed(view) for view in self.views]
        for frame in frames:
            beside.addWidget(frame, 1)
        self._second = frames[1]
        self._empty = Text(tone="secondary")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(sides)
        layout.addWidget(self._stack, 1)
        self._note = caption(_LEGEND)
        layout.addWidget(self._note)
        return page

    def _step(self, by: int) -> None:
        if self._dataset:
            self._at = (self._at + by) % len(self._dataset.examples)
            self._draw()

    def _open_row(self, index: QModelIndex) -> None:
        self._at = index.row()
        self.tabs.show_page(self.seen_page)
        self._draw()

    def _tab_changed(self) -> None:
        if not self.looking_at_tokens:
            return
        if self._tokenizer is None:
            self.needs_tokenizer.emit()
        self._draw()

    def _draw(self) -> None:
        ready = self._tokenizer is not None and self._dataset is not None and self._run is not None
        self._stack.setCurrentIndex(1 if ready else 0)
        self._empty.setText(self._reason if self._dataset else "Choose a file to see it as the model does.")
        for part in (self.previous, self.next, self._note):
            part.setVisible(ready)
        if self._dataset is None or self._run is None or not ready:
            self._where.setText("")
            self._count.setText("")
            return
        from core.data.inspect import seen_all  # brings in NumPy

        texts = seen_all(
            self._dataset.examples[self._at],
            self._tokenizer,
            train_on=self._run.data.train_on,
            max_len=self._run.data.max_seq_len,
        )
        count, learned, cut = (sum(getattr(t, name) for t in texts) for name in ("count", "learned", "cut"))
        self._where.setText(f"Row {self._at + 1:,} of {len(self._dataset.examples):,} (line {texts[0].line:,})")
        self._count.setText(f"{count:,} tokens · {learned:,} learned" + (f" · {cut:,} cut" if cut else ""))
        note = next((t.note for t in texts if t.note), "")
        self._note.setText(f"{note}  {_LEGEND}" if note else _LEGEND)
        self._second.setVisible(len(texts) > 1)  # of a pair: the better answer on the left, the worse on the right
        for view, text in zip(self.views, texts, strict=False):
            view.show_tokens(text.tokens)


def _framed(inner: QWidget) -> Card:
    card = Card()
    layout = column(card)
    layout.setContentsMargins(5, 5, 5, 5)
    layout.addWidget(inner)
    return card
