"""The tab Lengths: how long the rows are, and what the maximum would cut."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSpinBox, QWidget

from app.preview.dataset_reader import Found
from app.threads.task import Task
from app.widgets.buttons import plain, quiet
from app.widgets.card import column, framed, row
from app.widgets.histogram import STEP, Histogram
from app.widgets.labels import Text
from app.widgets.progress_bar import ThinBar
from app.widgets.spin_box import Spin
from core.run import Data, Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.check.row_parser import RowParser
    from core.data.preview.lengths import Lengths
    from core.data.read.index import RowIndex

_MOST = 1_048_576
_NOT_YET = "The rows are measured once the tokenizer is here."


class LengthsTab(QWidget):
    """`changed("data.max_seq_len", n)` when the maximum is set; `needs_tokenizer` when it is looked at without one."""

    needs_tokenizer = Signal()
    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._index: RowIndex | None = None
        self._meaning: RowParser | None = None
        self._run: Run | None = None
        self._tokenizer: Any = None
        self._reason = _NOT_YET
        self._all = False  # every row is to be measured, however many there are
        self._measured: tuple[Any, ...] = ()  # what is shown was measured for this
        self._measuring: Task | None = None
        self.lengths: Lengths | None = None
        self.sentence = Text(figures=True)
        self.histogram = Histogram()
        self.effect = Text(figures=True)
        layout = column(self)
        layout.addLayout(self._head())
        layout.addWidget(framed(self.histogram), 1)
        layout.addLayout(self._foot())
        self.histogram.moved.connect(self._dragged)
        self.histogram.chosen.connect(self._choose)
        self.histogram.say_empty(_NOT_YET)

    def show_data(self, index: "RowIndex | None", meaning: "RowParser | None") -> None:
        """Other rows, or none."""
        self._index, self._meaning, self._all = index, meaning, False
        self._forget()
        self.draw()

    def grow(self, index: "RowIndex", meaning: "RowParser", last: bool = False) -> None:
        """More rows of the same files are known; they are measured once all are."""
        self._index, self._meaning = index, meaning
        if last:
            self.draw()

    def show_run(self, run: Run) -> None:
        """The run's options changed."""
        self._run = run
        self.spin.blockSignals(True)
        self.spin.setValue(run.data.max_seq_len)
        self.spin.blockSignals(False)
        self.histogram.show_most(run.data.max_seq_len)
        self._say()
        self.draw()

    def show_tokenizer(self, found: Found | None, reason: str = "") -> None:
        """Use this tokenizer, or say why there is none."""
        self._tokenizer = found.tokenizer if found else None
        self._reason = reason
        self._forget()
        self.draw()

    def draw(self) -> None:
        """Measure the rows, if the tab is looked at and they are not measured yet."""
        if not self.isVisible() or self._run is None:
            return
        if self._tokenizer is None and self._index is not None:
            self.needs_tokenizer.emit()
        if self._tokenizer is None or self._index is None or self._meaning is None or not self._index.rows:
            self.histogram.say_empty(self._reason if self._index else "Choose a file to see how long its rows are.")
            return
        data = self._run.data
        wanted = (self._index.rows, id(self._tokenizer), data.train_on, data.exclude, self._all)
        if wanted == self._measured:
            return
        if self._measuring:
            self._measuring.drop()
        self._measured = wanted
        self._start(self._index, self._meaning, data)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.draw()

    def _start(self, index: "RowIndex", meaning: "RowParser", data: Data) -> None:
        tokenizer, every = self._tokenizer, self._all

        def work() -> Any:
            from core.data.preview.lengths import SAMPLE_ROWS, measure_lengths

            options: dict[str, Any] = {"train_on": data.train_on, "exclude": data.exclude}
            return measure_lengths(index, meaning, tokenizer, **options, max_rows=None if every else SAMPLE_ROWS)

        self.cancel.show()
        self.bar.show()
        self.bar.show_share(None)
        self._measuring = Task(self, work, self._measured_all, self._failed, self._came)

    def _came(self, lengths: "Lengths") -> None:
        self.lengths = lengths
        if self._run is not None and len(lengths.longest):
            self.histogram.show_lengths(lengths.longest, self.histogram.most)
        from core.data.preview.lengths import SAMPLE_ROWS

        total = lengths.rows if self._all else min(lengths.rows, SAMPLE_ROWS)
        self.bar.show_share(min(1.0, lengths.rows_read / max(1, total)))
        self._say()

    def _measured_all(self, _: object) -> None:
        self._measuring = None
        self.bar.hide()
        self.cancel.hide()
        if self.lengths is None or not len(self.lengths.longest):
            self.histogram.say_empty("No row can be used, so there is nothing to measure.")
        self._say()

    def _failed(self, sentence: str) -> None:
        self._measured_all(None)
        self.histogram.say_empty(sentence)

    def _stop(self) -> None:
        """Keep what has been measured so far."""
        if self._measuring:
            self._measuring.drop()
        self._measured_all(None)

    def _forget(self) -> None:
        if self._measuring:
            self._measuring.drop()
        self._measuring, self._measured, self.lengths = None, (), None
        self.bar.hide()
        self.cancel.hide()
        self.histogram.say_empty(self._reason)
        self._say()

    def _dragged(self, most: int) -> None:
        self.spin.blockSignals(True)
        self.spin.setValue(most)
        self.spin.blockSignals(False)
        self._say()

    def _choose(self, most: int) -> None:
        self.changed.emit("data.max_seq_len", most)

    def _fit(self) -> None:
        if self.lengths is not None:
            self._choose(fitting(int(self.lengths.longest.max())))

    def _measure_all(self) -> None:
        self._all = True
        self.draw()

    def _say(self) -> None:
        known, most = self.lengths, self.histogram.most
        some = known is not None and len(known.longest) > 0
        self.every.setVisible(some and self._measuring is None and known is not None and not known.is_complete)
        self.fit.setVisible(some)
        if known is None or not some:
            self.sentence.setText("")
            self.effect.setText("")
            return
        import numpy as np

        count = len(known.longest)
        shortest, middle, longest = (int(f(known.longest)) for f in (np.min, np.median, np.max))
        of = f"{count:,} row{'' if count == 1 else 's'}"
        of += "" if known.is_complete else f" of {known.rows:,}, from all parts of the data"
        self.sentence.setText(f"{of}: {shortest:,} to {longest:,} tokens, half of them up to {middle:,}.")
        self.effect.setText(effect(known, most))
        self.effect.set_tone("text" if not known.count_cut(most) else "warn")
        self.fit.setText(f"Fit the longest ({fitting(longest):,})")
        self.fit.setEnabled(fitting(longest) != most)
        self.fit.updateGeometry()
        self.histogram.setAccessibleDescription(f"{self.sentence.text()} {self.effect.text()}")

    def _head(self) -> QHBoxLayout:
        head = row(gap=12)
        self.bar = ThinBar("Rows measured")
        self.bar.setFixedWidth(120)
        self.cancel = quiet("Stop")
        self.cancel.setAccessibleName("Stop measuring")
        self.cancel.clicked.connect(self._stop)
        self.every = quiet("Measure all rows")
        self.every.clicked.connect(self._measure_all)
        head.addWidget(self.sentence, 1)
        for part in (self.bar, self.cancel, self.every):
            part.hide()
            head.addWidget(part)
        return head

    def _foot(self) -> QHBoxLayout:
        foot = row(gap=12)
        label = Text("&Maximum length", wrap=False)
        self.spin: QSpinBox = Spin("Maximum length in tokens")
        self.spin.setRange(STEP, _MOST)
        self.spin.setSingleStep(STEP)
        self.spin.valueChanged.connect(self._choose)
        label.setBuddy(self.spin)
        self.fit = plain("Fit the longest")
        self.fit.clicked.connect(self._fit)
        for part in (label, self.spin):
            foot.addWidget(part)
        foot.addWidget(self.effect, 1)
        foot.addWidget(self.fit)
        return foot


def effect(lengths: "Lengths", most: int) -> str:
    """What a maximum does to the rows."""
    cut, nothing, count = lengths.count_cut(most), lengths.count_without_targets(most), len(lengths.longest)
    about = "" if lengths.is_complete else "about "

    def rows(n: int) -> str:
        if lengths.is_complete:
            return f"{n:,} row{'' if n == 1 else 's'}"
        return f"{n / count:.1%} of the rows"

    if not cut and not nothing:
        return "cuts no row"
    words = f"cuts {about}{rows(cut)}"
    if nothing:
        words += f"; {about}{rows(nothing)} {'has' if nothing == 1 and lengths.is_complete else 'have'} nothing left to learn"
    return words


def fitting(longest: int) -> int:
    """The least maximum, in whole steps, that cuts nothing."""
    return max(STEP, -(-longest // STEP) * STEP)
