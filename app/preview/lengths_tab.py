"""The tab Lengths: how many tokens the rows have, and what the maximum length would cut."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSpinBox, QWidget

from app.desktop.language import tr, tr_count
from app.preview.dataset_reader import LoadedTokenizer
from app.preview.length_limit import describe_cut, smallest_maximum
from app.threads.task import Task
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import card_around, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.histogram import LENGTH_STEP, Histogram
from app.widgets.labels import Label
from app.widgets.progress_bar import ThinProgressBar
from app.widgets.spin_box import SpinBox
from core.run import Data, Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.check.row_parser import RowParser
    from core.data.preview.lengths import Lengths
    from core.data.read.index import RowIndex

_LARGEST_LIMIT = 1_048_576  # tokens
_NO_TOKENIZER = tr("The rows are measured once the tokenizer is here.")


class LengthsTab(QWidget):
    """`changed("data.max_seq_len", n)` when the maximum is set; `needs_tokenizer` when the tab is opened without."""

    needs_tokenizer = Signal()
    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._index: RowIndex | None = None
        self._parser: RowParser | None = None
        self._run: Run | None = None
        self._tokenizer: Any = None
        self._reason = _NO_TOKENIZER
        self._measure_all = False  # measure every row, however many there are, instead of a sample
        self._measured_key: tuple[Any, ...] = ()  # of the rows that were measured
        self._measuring: Task | None = None
        self.lengths: Lengths | None = None
        self.sentence = Label(figures=True)
        self.histogram = Histogram()
        self.effect = Label(figures=True)
        layout = vbox(self)
        layout.addLayout(self._make_head())
        layout.addWidget(card_around(self.histogram), 1)
        layout.addLayout(self._make_foot())
        self.histogram.moved.connect(self._preview_limit)
        self.histogram.chosen.connect(self._set_limit)
        self.histogram.show_empty(_NO_TOKENIZER)

    def show_data(self, index: "RowIndex | None", parser: "RowParser | None") -> None:
        """Show other rows, or none."""
        self._index, self._parser, self._measure_all = index, parser, False
        self._clear()
        self.draw()

    def grow(self, index: "RowIndex", parser: "RowParser", last: bool = False) -> None:
        """More rows of the same files are known; they are measured once all are."""
        self._index, self._parser = index, parser
        if last:
            self.draw()

    def show_run(self, run: Run) -> None:
        """The run's options changed."""
        self._run = run
        self.spin.blockSignals(True)
        self.spin.setValue(run.data.max_seq_len)
        self.spin.blockSignals(False)
        self.histogram.show_limit(run.data.max_seq_len)
        self._update_sentences()
        self.draw()

    def show_tokenizer(self, loaded: LoadedTokenizer | None, reason: str = "") -> None:
        """Use this tokenizer; where there is none, `reason` is shown instead."""
        self._tokenizer = loaded.tokenizer if loaded else None
        self._reason = reason
        self._clear()
        self.draw()

    def draw(self) -> None:
        """Measure the rows, if the tab is visible and they are not measured yet."""
        if not self.isVisible() or self._run is None:
            return
        if self._tokenizer is None and self._index is not None:
            self.needs_tokenizer.emit()
        if self._tokenizer is None or self._index is None or self._parser is None or not self._index.rows:
            self.histogram.show_empty(
                self._reason if self._index else tr("Choose a file to see how long its rows are.")
            )
            return
        data = self._run.data
        key = (self._index.rows, id(self._tokenizer), data.train_on, data.exclude, self._measure_all)
        if key == self._measured_key:
            return
        if self._measuring:
            self._measuring.cancel()
        self._measured_key = key
        self._start_measuring(self._index, self._parser, data)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.draw()

    def _start_measuring(self, index: "RowIndex", parser: "RowParser", data: Data) -> None:
        tokenizer, measure_all = self._tokenizer, self._measure_all

        def work() -> Any:
            from core.data.preview.lengths import SAMPLE_ROWS, measure_lengths

            options: dict[str, Any] = {"train_on": data.train_on, "exclude": data.exclude}
            return measure_lengths(index, parser, tokenizer, **options, max_rows=None if measure_all else SAMPLE_ROWS)

        self.cancel.show()
        self.bar.show()
        self.bar.show_share(None)
        self._measuring = Task(self, work, self._finish_measuring, self._fail, self._show_lengths)

    def _show_lengths(self, lengths: "Lengths") -> None:
        self.lengths = lengths
        if self._run is not None and len(lengths.longest):
            self.histogram.show_lengths(lengths.longest, self.histogram.limit)
        from core.data.preview.lengths import SAMPLE_ROWS

        total = lengths.rows if self._measure_all else min(lengths.rows, SAMPLE_ROWS)
        self.bar.show_share(min(1.0, lengths.rows_read / max(1, total)))
        self._update_sentences()

    def _finish_measuring(self, _: object) -> None:
        self._measuring = None
        self.bar.hide()
        self.cancel.hide()
        if self.lengths is None or not len(self.lengths.longest):
            self.histogram.show_empty(tr("No row can be used, so there is nothing to measure."))
        self._update_sentences()

    def _fail(self, sentence: str) -> None:
        self._finish_measuring(None)
        self.histogram.show_empty(sentence)

    def _stop(self) -> None:
        """Stop measuring; the rows measured so far stay."""
        if self._measuring:
            self._measuring.cancel()
        self._finish_measuring(None)

    def _clear(self) -> None:
        if self._measuring:
            self._measuring.cancel()
        self._measuring, self._measured_key, self.lengths = None, (), None
        self.bar.hide()
        self.cancel.hide()
        self.histogram.show_empty(self._reason)
        self._update_sentences()

    def _preview_limit(self, limit: int) -> None:
        """Show what a maximum would do while its line is being dragged."""
        self.spin.blockSignals(True)
        self.spin.setValue(limit)
        self.spin.blockSignals(False)
        self._update_sentences()

    def _set_limit(self, limit: int) -> None:
        self.changed.emit("data.max_seq_len", limit)

    def _fit_longest(self) -> None:
        if self.lengths is not None:
            self._set_limit(smallest_maximum(int(self.lengths.longest.max())))

    def _measure_every_row(self) -> None:
        self._measure_all = True
        self.draw()

    def _update_sentences(self) -> None:
        lengths, limit = self.lengths, self.histogram.limit
        measured_rows = len(lengths.longest) if lengths is not None else 0
        is_sample = lengths is not None and not lengths.is_complete
        self.measure_button.setVisible(measured_rows > 0 and self._measuring is None and is_sample)
        self.fit.setVisible(measured_rows > 0)
        if lengths is None or not measured_rows:
            self.sentence.setText("")
            self.effect.setText("")
            return
        import numpy as np

        shortest, median, longest = (int(f(lengths.longest)) for f in (np.min, np.median, np.max))
        rows = tr_count("{count:,} row", "{count:,} rows", measured_rows)
        rows += tr(" of {rows:,}, from all parts of the data", rows=lengths.rows) if is_sample else ""
        self.sentence.setText(
            tr(
                "{rows}: {shortest:,} to {longest:,} tokens, half of them up to {median:,}.",
                rows=rows,
                shortest=shortest,
                longest=longest,
                median=median,
            )
        )
        self.effect.setText(describe_cut(lengths, limit))
        self.effect.set_tone("text" if not lengths.count_cut(limit) else "warn")
        self.fit.setText(tr("Fit the longest ({smallest_maximum:,})", smallest_maximum=smallest_maximum(longest)))
        fits = smallest_maximum(longest) == limit
        disable(self.fit, tr("It is the maximum length already.") if fits else "")
        self.fit.updateGeometry()
        self.histogram.setAccessibleDescription(f"{self.sentence.text()} {self.effect.text()}")

    def _make_head(self) -> QHBoxLayout:
        head = hbox(gap=12)
        self.bar = ThinProgressBar(tr("Rows measured"))
        self.bar.setFixedWidth(120)
        self.cancel = quiet_button(tr("Stop"))
        self.cancel.setAccessibleName(tr("Stop measuring"))
        self.cancel.clicked.connect(self._stop)
        self.measure_button = quiet_button(tr("Measure all rows"))
        self.measure_button.clicked.connect(self._measure_every_row)
        head.addWidget(self.sentence, 1)
        for part in (self.bar, self.cancel, self.measure_button):
            part.hide()
            head.addWidget(part)
        return head

    def _make_foot(self) -> QHBoxLayout:
        foot = hbox(gap=12)
        label = Label(tr("&Maximum length"), wrap=False)
        self.spin: QSpinBox = SpinBox(tr("Maximum length in tokens"))
        self.spin.setRange(LENGTH_STEP, _LARGEST_LIMIT)
        self.spin.setSingleStep(LENGTH_STEP)
        self.spin.valueChanged.connect(self._set_limit)
        label.setBuddy(self.spin)
        self.fit = plain_button(tr("Fit the longest"))
        self.fit.clicked.connect(self._fit_longest)
        for part in (label, self.spin):
            foot.addWidget(part)
        foot.addWidget(self.effect, 1)
        foot.addWidget(self.fit)
        return foot
