"""The tab What the model sees: one row token by token, of a pair both answers side by side."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.preview.dataset_reader import Found
from app.preview.template_choice import TemplateRow
from app.threads.task import Task
from app.widgets.buttons import quiet
from app.widgets.card import column, framed, row
from app.widgets.combo_box import Combo
from app.widgets.labels import Text, caption
from app.widgets.token_view import LONGEST, SeenView
from core.data.check import exclude
from core.data.kinds import TEXT
from core.run import Data, Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.check.row_parser import Meaning
    from core.data.preview.inspect import Seen
    from core.data.preview.page import Shown
    from core.data.read.index import Index

_LEGEND = "Coloured, underlined: learned.  Grey: only read.  Framed: special tokens.  ✂ and struck through: cut."
_LEARN = {"answers": "every answer", "last": "the last answer", "all": "the whole text"}


class SeenTab(QWidget):
    """`needs_tokenizer` when there is something to show and no tokenizer; `changed(key, value)` for the run."""

    needs_tokenizer = Signal()
    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._index: Index | None = None
        self._meaning: Meaning | None = None
        self._run: Run | None = None
        self._tokenizer: Any = None
        self._reason = "Loading the tokenizer…"
        self._at = 0
        self._shown: tuple[Any, ...] = ()  # what the views were drawn for
        self._where = ""
        self._drawing: Task | None = None
        self.template = TemplateRow()
        self.template.changed.connect(lambda name: self.changed.emit("data.chat_template", name))
        self.views = (SeenView(), SeenView())
        self.names = (Text(bold=True, wrap=False), Text(bold=True, wrap=False))
        self._sides: list[QWidget] = []
        self._stack = QStackedWidget()
        self._empty = Text(tone="secondary")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._two())
        layout = column(self)
        layout.addLayout(self._head())
        layout.addWidget(self.template)
        layout.addWidget(self._stack, 1)
        self.answer = Text(selectable=True)
        self.answer.hide()
        layout.addWidget(self.answer)
        self._note = Text(tone="warn")
        layout.addWidget(self._note)
        layout.addLayout(self._foot())

    def show_data(self, index: "Index | None", meaning: "Meaning | None") -> None:
        """Other rows, or none."""
        self._index, self._meaning, self._at, self._shown = index, meaning, 0, ()
        self.where.setText("")
        self._say("")
        self.draw()

    def grow(self, index: "Index", meaning: "Meaning") -> None:
        """More rows of the same files are known."""
        self._index, self._meaning = index, meaning
        self.draw()

    def show_run(self, run: Run) -> None:
        """The run's options changed: other tokens may be learned or cut."""
        self._run = run
        self.learn.setCurrentIndex(self.learn.findData(run.data.train_on))
        self.learn.setEnabled(run.spec.data == TEXT)
        self.draw()

    def show_tokenizer(self, found: Found | None, reason: str = "") -> None:
        """Use this tokenizer, or say why there is none."""
        self._tokenizer = found.tokenizer if found else None
        self._reason, self._shown = reason, ()
        self.template.show_found(found, self._run.data.chat_template if self._run else None)
        self.draw()

    def go(self, number: int) -> None:
        """Show row `number`, counted from 0."""
        self._at = number
        self.draw()

    def draw(self) -> None:
        """Show the row as it is now, if the tab is looked at."""
        if not self.isVisible():
            return
        if self._tokenizer is None and self._index is not None:
            self.needs_tokenizer.emit()
        index, meaning, tokenizer = self._index, self._meaning, self._tokenizer
        if index is None or meaning is None or not index.rows:
            self._say("Choose a file to see it as the model does.")
            return
        if tokenizer is None or self._run is None:
            self._say(self._reason)
            return
        at = self._at = min(self._at, index.rows - 1)
        self.where.setText(f"Row {at + 1:,} of {index.rows:,}")
        data = self._run.data
        wanted = (at, id(tokenizer), data.train_on, data.max_seq_len, data.exclude)
        if wanted == self._shown:
            self.where.setText(self._where)
            return
        if self._drawing:
            self._drawing.drop()
        self._shown = wanted

        def work() -> tuple[Any, ...]:
            from core.data.preview.page import page

            found = page(index, meaning, [at])
            return (found[0], _look(found[0], tokenizer, data)) if found else ()

        self._drawing = Task(self, work, done=lambda made: self._came(*made) if made else None, failed=self._say)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.draw()

    def _came(self, shown: "Shown", sides: "list[tuple[str, Seen]]") -> None:
        rows = self._index.rows if self._index else 0
        self._where = f"Row {shown.number + 1:,} of {rows:,} (line {shown.row.line:,})"
        self.where.setText(self._where)
        if not sides:
            self._say(f"The row is left out: {shown.problem}" if shown.problem else "Nothing of this row is learned.")
            return
        texts = [seen for _, seen in sides]
        count, learned, cut = (sum(getattr(t, name) for t in texts) for name in ("count", "learned", "cut"))
        asked = self._run is not None and self._run.spec.on_policy
        what = "the model answers by itself" if asked else f"{learned:,} learned"
        self.count.setText(f"{count:,} tokens · {what}" + (f" · {cut:,} cut" if cut else ""))
        chosen = self._run is not None and shown.number + 1 in exclude.rows(self._run.data.exclude)
        notes = [t.note for t in texts if t.note]
        self._note.setText("You have left this row out: nothing of it is learned." if chosen else "".join(notes[:1]))
        self._note.setVisible(bool(self._note.text()))
        expected = next((e.answer for e in shown.examples if e.answer), None)
        self.answer.setText(f"Its answers are checked against: {expected}" if expected else "")
        self.answer.setVisible(expected is not None)
        for view, name, side, place in zip(self.views, self.names, self._sides, range(2), strict=True):
            side.setVisible(place < len(sides))
            if place < len(sides):
                name.setText(sides[place][0])
                name.setVisible(bool(sides[place][0]))
                view.show_tokens(sides[place][1].tokens)
        self._stack.setCurrentIndex(1)

    def _say(self, sentence: str) -> None:
        self._empty.setText(sentence)
        self._stack.setCurrentIndex(0)
        self.count.setText("")
        self._note.hide()
        self.answer.hide()

    def _step(self, by: int) -> None:
        if self._index is not None and self._index.rows:
            self.go((self._at + by) % self._index.rows)

    def _head(self) -> QHBoxLayout:
        head = row(gap=6)
        self.previous, self.next = quiet("", "back"), quiet("", "next")
        self.previous.setAccessibleName("Row before")
        self.next.setAccessibleName("Row after")
        self.previous.clicked.connect(lambda: self._step(-1))
        self.next.clicked.connect(lambda: self._step(1))
        self.where = Text(figures=True, wrap=False)
        self.count = Text(tone="secondary", figures=True, wrap=False)
        for part in (self.previous, self.where, self.next):
            head.addWidget(part)
        head.addStretch()
        head.addWidget(self.count)
        return head

    def _two(self) -> QWidget:
        both = QWidget()
        beside = row(both)
        for view, name in zip(self.views, self.names, strict=True):
            side = QWidget()
            inner = column(side, gap=4)
            inner.addWidget(name)
            inner.addWidget(framed(view), 1)
            self._sides.append(side)
            beside.addWidget(side, 1)
        return both

    def _foot(self) -> QHBoxLayout:
        foot = row(gap=12)
        foot.addWidget(caption(_LEGEND), 1)
        label = caption("&Learn from")
        label.setWordWrap(False)
        self.learn = Combo("Learn from", height=26)
        for choice, words in _LEARN.items():
            self.learn.addItem(words, choice)
        self.learn.activated.connect(lambda: self.changed.emit("data.train_on", self.learn.currentData()))
        label.setBuddy(self.learn)
        foot.addWidget(label)
        foot.addWidget(self.learn)
        return foot


def _look(shown: "Shown", tokenizer: Any, data: Data) -> "list[tuple[str, Seen]]":
    """(what it is, the text) of each text that a row gives the model; at most two."""
    from core.data.preview.inspect import seen_all

    made: list[tuple[str, Any]] = []
    for example in shown.examples:
        texts = seen_all(example, tokenizer, train_on=data.train_on, max_len=data.max_seq_len, most=LONGEST)
        names = ("Better answer", "Worse answer") if len(texts) > 1 else (_name(example),)
        made += zip(names, texts, strict=True)
    return made[:2]


def _name(example: Any) -> str:
    if example.label is None:
        return ""
    return "✓ Marked good" if example.label else "✗ Marked bad"
