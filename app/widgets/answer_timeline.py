"""A prompt's answers in the order of the run, from before training to after it, with the words that changed marked."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.desktop.language import tr
from app.runs.differences import mark_changes
from app.style import theme
from app.widgets.answers import flatten, shorten, split_thinking
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.diff_label import DiffLabel
from app.widgets.labels import Label, caption
from core.events import Sample

_MOST = 60  # answers that are shown, the first and the newest
_STAGE_WIDTH = 112


class AnswerRow(QWidget):
    """One answer: when it was given, and what changed since the one before it."""

    def __init__(self, sample: Sample, previous: Sample | None) -> None:
        super().__init__()
        layout = hbox(self, gap=12)
        when = Label(_describe_time(sample), "caption", tone="secondary", figures=True)
        when.setFixedWidth(_STAGE_WIDTH)
        when.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(when)
        column = vbox(gap=2)
        thinking, answer = split_thinking(sample)
        if thinking:
            column.addWidget(caption(shorten(thinking)))
        is_same = previous is not None and previous.answer == sample.answer
        self.answer = DiffLabel()
        before = split_thinking(previous)[1] if previous is not None else answer
        self.answer.show_pieces(mark_changes(before, answer))
        self.note = caption(_note(sample, is_same))
        column.addWidget(self.answer)
        if self.note.text():
            column.addWidget(self.note)
        layout.addLayout(column, 1)


class AnswerTimeline(Card):
    """One prompt of a run at a time, with buttons to the others."""

    def __init__(self) -> None:
        super().__init__()
        self._samples: dict[int, list[Sample]] = {}
        self._shown: list[Sample] = []
        self._index = 0
        self.rows: list[AnswerRow] = []
        layout = vbox(self, 14, 10)
        self._empty = Label(tr("The first answers appear before training begins."), tone="secondary")
        layout.addWidget(self._empty)
        layout.addLayout(self._build_head())
        self.expected = caption()
        layout.addWidget(self.expected)
        self.hint = caption(tr("Marked words are new since the answer before."))
        layout.addWidget(self.hint)
        self._list: QVBoxLayout = vbox(gap=theme.GRID)
        layout.addLayout(self._list)
        layout.addStretch()
        self._show()

    def _build_head(self) -> QHBoxLayout:
        head = hbox(gap=8)
        self.prompt = Label(bold=True, selectable=True)
        head.addWidget(self.prompt, 1)
        self.place = Label("", "caption", tone="secondary", wrap=False, figures=True)
        self.back, self.forward = quiet_button("", "back"), quiet_button("", "next")
        self.back.setAccessibleName(tr("The question before"))
        self.forward.setAccessibleName(tr("The next question"))
        self.back.clicked.connect(lambda: self._turn(-1))
        self.forward.clicked.connect(lambda: self._turn(1))
        for widget in (self.back, self.place, self.forward):
            head.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        return head

    def show_samples(self, samples: dict[int, list[Sample]]) -> None:
        """Show the answers to each prompt, by its index, in the order they were given."""
        self._samples = samples
        self._show()

    def _turn(self, by: int) -> None:
        """Show another prompt; behind the last one comes the first."""
        indices = sorted(self._samples)
        self._index = indices[(indices.index(self._index) + by) % len(indices)]
        self._show()

    def _show(self) -> None:
        indices = sorted(self._samples)
        if indices and self._index not in self._samples:
            self._index = indices[0]
        samples = _choose(self._samples.get(self._index, []))
        self._empty.setVisible(not samples)
        for widget in (self.prompt, self.hint):
            widget.setVisible(bool(samples))
        turning: tuple[QWidget, ...] = (self.back, self.place, self.forward)
        for part in turning:
            part.setVisible(len(indices) > 1)
        expected = samples[-1].expected if samples else ""
        self.expected.setVisible(bool(expected))
        self.expected.setText(tr("In the data: {answer}", answer=flatten(expected)))
        if not samples:
            return
        self.prompt.setText(shorten(samples[-1].prompt))
        number = indices.index(self._index) + 1
        self.place.setText(tr("{number} of {total}", number=number, total=len(indices)))
        self._show_rows(samples)

    def _show_rows(self, samples: Sequence[Sample]) -> None:
        """Add a row for each answer that has none yet; all anew where those that are shown are others."""
        if self._shown != list(samples[: len(self._shown)]):
            for row in self.rows:
                self._list.removeWidget(row)
                row.hide()
                row.deleteLater()
            self.rows, self._shown = [], []
        for sample in samples[len(self._shown) :]:
            row = AnswerRow(sample, self._shown[-1] if self._shown else None)
            self.rows.append(row)
            self._shown.append(sample)
            self._list.addWidget(row)


def _choose(samples: list[Sample]) -> list[Sample]:
    """The first answer and the newest ones, where there are very many."""
    return samples if len(samples) <= _MOST else [samples[0], *samples[-_MOST + 1 :]]


def _describe_time(sample: Sample) -> str:
    if sample.stage == "before":
        return tr("Before")
    if sample.stage == "after":
        return tr("After, step {step:,}", step=sample.step)
    return tr("Step {step:,}", step=sample.step)


def _note(sample: Sample, is_same: bool) -> str:
    """What there is to say of an answer."""
    is_right = bool(sample.expected) and split_thinking(sample)[1] == sample.expected.strip()
    notes = [tr("✓ exactly as expected")] * is_right
    notes += [tr("the same as before")] * is_same + [tr("cut off at the length that was allowed")] * sample.cut
    return " · ".join(notes)
