"""The head of the Compare page: a line for each run, with its verdict below its name."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QGridLayout, QWidget

from app.desktop.language import tr
from app.plots.legend import LINE, Stroke, run_dash
from app.runs import status_text
from app.runs.comparison import ComparedRun
from app.runs.history import describe_status
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import IconLabel, Label, caption
from core.training.verdict import tone

_NAME_WIDTH = 300
_BUTTON_INSET = 10  # of the name, which is a button
ICONS = {"good": ("ok", "good"), "warn": ("warn", "warn"), "bad": ("bad", "bad"), "info": ("info", "accent_text")}


class Overview(Card):
    """A line for each run: its look in the chart, its name over its verdict, its best validation and its time.

    The best of all is bold where one method learned from the same data: other losses measure other things.
    """

    open_run = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._layout = vbox(self, 14, 0)
        self._lines = QWidget()
        self.verdicts: list[Label] = []

    def show_runs(self, runs: Sequence[ComparedRun]) -> None:
        """Show these runs instead of those before."""
        self._layout.removeWidget(self._lines)
        self._lines.hide()
        self._lines.deleteLater()
        self._lines = QWidget()
        self._layout.addWidget(self._lines)
        grid = QGridLayout(self._lines)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(1, 1)
        heads = ("", tr("Run"), tr("Best validation"), tr("Time"))
        for column, words in enumerate(heads):
            if words:
                grid.addWidget(caption(words), 0, column)
        self.verdicts = []
        is_fair = len({(run.run.method, run.run.data.path, run.run.data.eval_path) for run in runs}) == 1
        best = min((run.record.kept[0] for run in runs if run.record.kept), default=None) if is_fair else None
        for number, run in enumerate(runs, 1):
            self._add_line(grid, number, run, best)

    def _add_line(self, grid: QGridLayout, number: int, run: ComparedRun, best: float | None) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        grid.addWidget(run_stroke(number - 1), number, 0, middle)
        name = quiet_button(_fit(run.label, self.fontMetrics()))
        name.setToolTip(run.label)
        name.setAccessibleName(tr("Open {run}", run=run.label))
        name.clicked.connect(lambda: self.open_run.emit(run.folder))
        name.setMaximumWidth(_NAME_WIDTH)
        finished = run.record.finished
        shown_tone = tone(run.run, finished) if finished is not None else "info"
        icon, colour = ICONS[shown_tone]
        words = tr("It has no verdict: it is not at its end.")
        if finished is not None:
            words = tr(finished.message) or describe_status(finished.reason)
        if run.record.problem:
            words = tr(run.record.problem)
        verdict = Label(words, selectable=True)
        self.verdicts.append(verdict)
        sentence = hbox(gap=6)
        sentence.setContentsMargins(_BUTTON_INSET, 0, 0, 0)
        sentence.addWidget(IconLabel(icon, colour, 16), 0, Qt.AlignmentFlag.AlignTop)
        sentence.addWidget(verdict, 1)
        column = vbox(gap=0)
        column.addWidget(name, 0, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(sentence)
        grid.addLayout(column, number, 1)
        kept = run.record.kept
        text = "–" if kept is None else tr("{loss:.3f} at step {step:,}", loss=kept[0], step=kept[1])
        is_best = kept is not None and kept[0] == best
        grid.addWidget(Label(text, bold=is_best, figures=True, wrap=False), number, 2, middle)
        seconds = run.record.last_step.seconds if run.record.last_step else None
        time = "–" if seconds is None else status_text.format_duration(seconds)
        grid.addWidget(Label(time, figures=True, wrap=False), number, 3, middle)


def _fit(text: str, metrics: QFontMetrics) -> str:
    """The beginning of a label that fits into the column of names."""
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, _NAME_WIDTH - 24)


def run_stroke(index: int) -> Stroke:
    """A piece of the curve of the run at an index."""
    return Stroke(index, LINE, run_dash(index))
