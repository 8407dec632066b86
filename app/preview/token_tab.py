"""The tab What the model sees: one row token by token, the two answers of a pair side by side."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.desktop.language import tr
from app.preview.dataset_reader import LoadedTokenizer
from app.preview.row_reader import RowView
from app.preview.seen_row import SeenRow, read_seen
from app.preview.template_choice import TemplateRow
from app.threads.task import Task
from app.widgets.buttons import quiet_button
from app.widgets.card import card_around, hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption
from app.widgets.token_view import TokenView
from core.data.check import exclude
from core.data.kinds import QUESTIONS, TEXT
from core.run import Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.check.row_parser import RowParser
    from core.data.preview.inspect import InspectedText
    from core.data.read.index import RowIndex

_LEGEND = tr("Coloured, underlined: learned.  Grey: only read.  Framed: special tokens.  ✂ and struck through: cut.")
_SEEN = tr("What the model sees")  # beside the row itself
_LEARN = {"answers": tr("every answer"), "last": tr("the last answer"), "all": tr("the whole text")}


def _learns_otherwise(run: Run) -> str:
    """Why nobody chooses which answers of a row are learned, or ""."""
    if run.spec.data == TEXT:
        return ""
    if run.spec.data == QUESTIONS:
        return tr("{method} learns from answers that the model writes itself.", method=run.spec.title)
    return tr("{method} learns from the last answer of each row.", method=run.spec.title)


class TokenTab(QWidget):
    """`needs_tokenizer` when there is a row to show and no tokenizer; `changed(key, value)` when the run changes."""

    needs_tokenizer = Signal()
    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._index: RowIndex | None = None
        self._parser: RowParser | None = None
        self._run: Run | None = None
        self._tokenizer: Any = None
        self._reason = tr("Loading the tokenizer…")
        self._number = 0  # of the row, counted from 0
        self._drawn_key: tuple[Any, ...] = ()  # what the views were drawn for
        self._place = ""  # of the row that is drawn, in words
        self._drawing: Task | None = None
        self.template = TemplateRow()
        self.template.changed.connect(lambda name: self.changed.emit("data.chat_template", name))
        self.views = (TokenView(), TokenView())
        self.names = (Label(bold=True, wrap=False), Label(bold=True, wrap=False))
        self._sides: list[QWidget] = []
        self._stack = QStackedWidget()
        self._empty = Label(tone="secondary")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._make_sides())
        layout = vbox(self)
        layout.addLayout(self._make_head())
        layout.addWidget(self.template)
        layout.addWidget(self._stack, 1)
        self.answer = Label(selectable=True)
        self.answer.hide()
        layout.addWidget(self.answer)
        self._note = Label(tone="warn")
        layout.addWidget(self._note)
        layout.addLayout(self._make_foot())

    def show_data(self, index: "RowIndex | None", parser: "RowParser | None") -> None:
        """Show other rows, or none."""
        self._index, self._parser, self._number, self._drawn_key = index, parser, 0, ()
        self.place.setText("")
        self._show_empty("")
        self.draw()

    def grow(self, index: "RowIndex", parser: "RowParser") -> None:
        """More rows of the same files are known."""
        self._index, self._parser = index, parser
        self.draw()

    def show_run(self, run: Run) -> None:
        """The run's options changed: other tokens may be learned or cut."""
        self._run = run
        self.learn.setCurrentIndex(self.learn.findData(run.data.train_on))
        disable(self.learn, _learns_otherwise(run))
        self.draw()

    def show_tokenizer(self, loaded: LoadedTokenizer | None, reason: str = "") -> None:
        """Use this tokenizer; where there is none, `reason` is shown instead."""
        self._tokenizer = loaded.tokenizer if loaded else None
        self.legend.setText(f"{_LEGEND} {tr(loaded.end_of_turn)}" if loaded else _LEGEND)
        self._reason, self._drawn_key = reason, ()
        self.template.show_tokenizer(loaded, self._run.data.chat_template if self._run else None)
        self.draw()

    def show_row(self, number: int) -> None:
        """Show row `number`, counted from 0."""
        self._number = number
        self.draw()

    def draw(self) -> None:
        """Draw the row for the run as it is now, if the tab is visible and the row is not drawn yet."""
        if not self.isVisible():
            return
        if self._tokenizer is None and self._index is not None:
            self.needs_tokenizer.emit()
        index, parser, tokenizer = self._index, self._parser, self._tokenizer
        if index is None or parser is None or not index.rows:
            self._show_empty(tr("Choose a file to see it as the model does."))
            return
        if tokenizer is None or self._run is None:
            self._show_empty(self._reason)
            return
        number = self._number = min(self._number, index.rows - 1)
        self.place.setText(tr("Row {number:,} of {rows:,}", number=number + 1, rows=index.rows))
        data = self._run.data
        key = (number, id(tokenizer), data.train_on, data.max_seq_len, data.exclude)
        if key == self._drawn_key:
            self.place.setText(self._place)
            return
        if self._drawing:
            self._drawing.cancel()
        self._drawn_key = key

        def work() -> SeenRow | None:
            from core.data.preview.page import read_page

            items = read_page(index, parser, [number])
            return read_seen(items[0], tokenizer, data) if items else None

        def show_result(seen: SeenRow | None) -> None:
            if seen:
                self._show_sides(seen)

        self._drawing = Task(self, work, done=show_result, failed=self._show_empty)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.draw()

    def _show_sides(self, seen: SeenRow) -> None:
        item, sides = seen.item, seen.sides
        rows = self._index.rows if self._index else 0
        self._place = tr(
            "Row {number:,} of {rows:,} (line {line:,})", number=item.number + 1, rows=rows, line=item.row.line
        )
        self.place.setText(self._place)
        if not sides:
            reason = (
                tr("The row is left out: {problem}", problem=item.problem)
                if item.problem
                else tr("Nothing of this row is learned.")
            )
            self._show_empty(reason)
            return
        texts = [text for _, text in sides]
        self._show_count(texts)
        excluded = self._run is not None and item.number + 1 in exclude.excluded_rows(self._run.data.exclude)
        notes = dict.fromkeys(line for text in texts for line in tr(text.note).split("\n") if line)
        self._note.setText(
            tr("You have left this row out: nothing of it is learned.") if excluded else "\n".join(notes)
        )
        self._note.setVisible(bool(self._note.text()))
        expected = next((e.answer for e in item.examples if e.answer), None)
        self.answer.setText(tr("Its answers are checked against: {expected}", expected=expected) if expected else "")
        self.answer.setVisible(expected is not None)
        for i, (view, name, side) in enumerate(zip(self.views, self.names, self._sides, strict=True)):
            side.setVisible(i < len(sides))
            if i < len(sides):
                name.setText(sides[i][0] or (_SEEN if seen.parts else ""))
                name.setVisible(bool(name.text()))
                view.show_tokens(sides[i][1].tokens)
        self._source.setVisible(bool(seen.parts))
        self.row_view.show_parts(seen.parts)
        self._stack.setCurrentIndex(1)

    def _show_count(self, texts: "list[InspectedText]") -> None:
        count, learned_count, truncated = (sum(getattr(t, name) for t in texts) for name in ("count", "learned", "cut"))
        on_policy = self._run is not None and self._run.spec.on_policy
        effect = (
            tr("the model answers by itself")
            if on_policy
            else tr("{learned_count:,} learned", learned_count=learned_count)
        )
        self.count.setText(
            tr("{count:,} tokens · {effect}", count=count, effect=effect)
            + (tr(" · {truncated:,} cut", truncated=truncated) if truncated else "")
        )

    def _show_empty(self, sentence: str) -> None:
        """Show a sentence in the place of the tokens."""
        self._empty.setText(sentence)
        self._stack.setCurrentIndex(0)
        self.count.setText("")
        self._note.hide()
        self.answer.hide()

    def _step(self, step: int) -> None:
        if self._index is not None and self._index.rows:
            self.show_row((self._number + step) % self._index.rows)

    def _make_head(self) -> QHBoxLayout:
        head = hbox(gap=6)
        self.previous, self.next_button = quiet_button("", "back"), quiet_button("", "next")
        self.previous.setAccessibleName(tr("Row before"))
        self.next_button.setAccessibleName(tr("Row after"))
        self.previous.clicked.connect(lambda: self._step(-1))
        self.next_button.clicked.connect(lambda: self._step(1))
        self.place = Label(figures=True, wrap=False)
        self.count = Label(tone="secondary", figures=True, wrap=False)
        for part in (self.previous, self.place, self.next_button):
            head.addWidget(part)
        head.addStretch()
        head.addWidget(self.count)
        return head

    def _make_sides(self) -> QWidget:
        """The two views side by side; the second is for the worse answer of a pair. Before them the row as it stands in
        the file, where the chat template drops a part of it."""
        sides = QWidget()
        layout = hbox(sides)
        self._source, self.row_view = QWidget(), RowView()
        inner = vbox(self._source, gap=4)
        inner.addWidget(Label(tr("In your file"), bold=True, wrap=False))
        inner.addWidget(card_around(self.row_view), 1)
        layout.addWidget(self._source, 1)
        for view, name in zip(self.views, self.names, strict=True):
            side = QWidget()
            inner = vbox(side, gap=4)
            inner.addWidget(name)
            inner.addWidget(card_around(view), 1)
            self._sides.append(side)
            layout.addWidget(side, 1)
        return sides

    def _make_foot(self) -> QHBoxLayout:
        foot = hbox(gap=12)
        self.legend = caption(_LEGEND)
        foot.addWidget(self.legend, 1)
        label = caption(tr("&Learn from"))
        label.setWordWrap(False)
        self.learn = ComboBox(tr("Learn from"), height=26)
        for choice, words in _LEARN.items():
            self.learn.addItem(words, choice)
        self.learn.activated.connect(lambda: self.changed.emit("data.train_on", self.learn.currentData()))
        label.setBuddy(self.learn)
        foot.addWidget(label)
        foot.addWidget(self.learn)
        return foot
