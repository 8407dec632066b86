"""The foot of the Compare page: the same question, as each of the runs answers it."""

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QHBoxLayout

from app.desktop.language import tr
from app.pages.compare_overview import run_stroke
from app.runs.comparison import Question
from app.runs.rollout_samples import Rollout
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import ElidedLabel, Label, caption
from core.rewards.answer import Answer

_ANSWERS_A_ROW = 3
_MAX_ANSWER = 1500  # characters of an answer that are shown


class AnswersCard(Card):
    """A question with the answers of the runs beside each other, three in a row."""

    def __init__(self, question: Question, labels: Sequence[str]) -> None:
        super().__init__()
        layout = vbox(self, 14, 8)
        layout.addWidget(Label(_shorten(question.prompt), bold=True, selectable=True))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(10)
        self.answers: list[Label] = []
        for number, (label, sample) in enumerate(zip(labels, question.answers, strict=True)):
            words = tr("(not asked)") if sample is None else _shorten(Answer(sample.answer).visible) or tr("(nothing)")
            answer = Label(words, selectable=True, tone="secondary" if sample is None else "text")
            answer.setAccessibleName(tr("Answer of {run}", run=label))
            self.answers.append(answer)
            side = vbox(gap=3)
            side.addLayout(_named_stroke(number, label))
            thinking = Rollout(sample.answer, None, 0.0).thinking if sample is not None else ""
            if thinking:
                side.addWidget(caption(tr("Thinking: {thinking}", thinking=_shorten(thinking))))
            side.addWidget(answer)
            side.addStretch()
            row, column = divmod(number, _ANSWERS_A_ROW)
            grid.addLayout(side, row, column)
            grid.setColumnStretch(column, 1)
        layout.addLayout(grid)
        if question.expected:
            layout.addWidget(caption(tr("In the data: {expected}", expected=_shorten(question.expected))))


def _named_stroke(index: int, label: str) -> QHBoxLayout:
    layout = hbox(gap=6)
    layout.addWidget(run_stroke(index))
    layout.addWidget(ElidedLabel(label, "caption", tone="secondary"), 1)
    return layout


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_ANSWER else text[:_MAX_ANSWER] + " …"
