"""The Compare page: curves of several runs over each other, what differs in their settings, verdicts, and answers."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr, tr_count
from app.pages.compare_answers import AnswersCard
from app.pages.compare_overview import Overview
from app.plots.controls import X_CHOICES
from app.plots.load import load_charts
from app.runs import comparison
from app.runs.comparison import ComparedRun, Difference, Question
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, card_around, hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.item_model import Column, ItemModel
from app.widgets.labels import Label, heading, title
from app.widgets.notice import Notice
from app.widgets.scroll_page import WHOLE_PAGE, ScrollPage
from app.widgets.segmented_control import SegmentedControl
from app.widgets.table import Table

if TYPE_CHECKING:  # it imports pyqtgraph
    from app.plots.comparison_chart import ComparisonChart

_CHART_HEIGHT = 320
_ROW_HEIGHT = 32
_HEADER_HEIGHT = 32
_PADDING, _WIDEST_LABEL = 20, 300  # pixels beside a setting's name, and of its column
_LEAST_COLUMN = 132  # pixels of a run's column in the table of settings


class ComparePage(QWidget):
    """Shows runs after show_folders(). `back` to the list of runs, `open_run(folder)`."""

    back = Signal()
    open_run = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[ComparedRun] = []
        self.chart: ComparisonChart | None = None  # once pyqtgraph is imported
        self._task: Task | None = None
        outer = vbox(self)
        top = hbox(gap=8)
        top.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, 0)
        self.back_button = quiet_button(tr("Runs"), "back")
        self.back_button.setAccessibleName(tr("Back to the list of runs"))
        self.back_button.clicked.connect(self.back)
        self.title = title("")
        top.addWidget(self.back_button)
        top.addWidget(self.title, 1)
        outer.addLayout(top)
        scroll = ScrollPage(WHOLE_PAGE)
        self.page = scroll.content_layout
        self.page.setSpacing(theme.GRID + 4)
        outer.addWidget(scroll, 1)
        self.notice = Notice()
        self.page.addWidget(self.notice)
        self.overview = Overview()
        self.overview.open_run.connect(self.open_run)
        self.page.addWidget(self.overview)
        self._chart_card = self._build_chart_card()
        self.page.addWidget(self._chart_card)
        self._add_settings()
        self._answers_heading = heading(tr("Answers to the same questions"))
        self.page.addWidget(self._answers_heading)
        self._answers = vbox(gap=theme.GRID)
        self.page.addLayout(self._answers)
        self.cards: list[AnswersCard] = []
        self.page.addStretch()

    def show_folders(self, folders: Sequence[Path]) -> None:
        """Read the runs of these folders, and show them once that is done."""
        if self._task is not None:
            self._task.cancel()
        self.title.setText(tr("Reading {count} runs…", count=len(folders)))
        self.notice.hide()
        self._show_parts(False)
        self._task = Task(self, lambda: comparison.read_runs(folders), done=self.show_runs, failed=self._fail)

    def show_runs(self, runs: Sequence[ComparedRun]) -> None:
        """Show these runs."""
        self.runs = list(runs)
        self.title.setText(tr_count("{count} run compared", "{count} runs compared", len(runs)))
        self._show_parts(True)
        self.overview.show_runs(runs)
        self._show_settings(comparison.list_differences(runs))
        self._show_answers(comparison.list_questions(runs))
        has_held_out = any(len(run.record.eval_loss) for run in runs)
        self.choice.choose("held out" if has_held_out else "training")
        self._quantity = "held out" if has_held_out else "training"
        if self.chart is None:
            QTimer.singleShot(0, self, lambda: load_charts(self, self._make_chart))
        else:
            self._draw()

    def _fail(self, sentence: str) -> None:
        self.title.setText(tr("Compare"))
        self.notice.show_message(sentence, tr("Go back, and choose other runs."))

    def _show_parts(self, visible: bool) -> None:
        for part in (self.overview, self._chart_card, self._settings_heading, self._settings_card):
            part.setVisible(visible)
        self._answers_heading.setVisible(visible)
        if not visible:
            self._show_answers([])

    def _build_chart_card(self) -> Card:
        card = Card()
        layout = vbox(card, gap=6)
        layout.setContentsMargins(14, 10, 12, 8)
        controls = hbox(gap=14)
        self.choice = SegmentedControl(tr("Which curve"))
        self.choice.show_choices({"held out": tr("Loss on held-out rows"), "training": tr("Training loss, smoothed")})
        self.choice.chosen.connect(self._choose)
        self._quantity = "held out"
        self.x_axis = ComboBox(tr("What the bottom axis counts"))
        for kind, words in X_CHOICES.items():
            self.x_axis.addItem(words, kind)
        self.x_axis.activated.connect(self._draw)
        controls.addWidget(self.choice, 1)
        controls.addWidget(self.x_axis)
        layout.addLayout(controls)
        self._chart_place = vbox()
        self._waiting = Label(tr("The chart is being made."), tone="secondary")
        self._waiting.setFixedHeight(_CHART_HEIGHT)
        self._waiting.setAlignment(theme.CENTRE)
        self._chart_place.addWidget(self._waiting)
        layout.addLayout(self._chart_place)
        return card

    def _make_chart(self) -> None:
        from app.plots.comparison_chart import ComparisonChart

        self.chart = ComparisonChart()
        self.chart.setFixedHeight(_CHART_HEIGHT)
        self._waiting.hide()
        self._chart_place.addWidget(self.chart)
        self._draw()

    def _choose(self, quantity: str) -> None:
        self._quantity = quantity
        self._draw()

    def _draw(self) -> None:
        if self.chart is not None:
            self.chart.quantity = self._quantity
            self.chart.set_kind(self.x_axis.currentData())
            self.chart.show_runs([(run.label, run.record) for run in self.runs])
            self.chart.follow()

    def _add_settings(self) -> None:
        self._settings_heading = heading(tr("Settings that differ"))
        self.page.addWidget(self._settings_heading)
        self.settings = ItemModel([])
        self.table = Table(self.settings, tr("Settings that differ"), {}, row_height=_ROW_HEIGHT)
        self._none = Label(tr("All settings are the same."), tone="secondary")
        self._none.setContentsMargins(9, 6, 9, 6)
        self._settings_card = card_around(self.table)
        layout = self._settings_card.layout()
        if layout is not None:
            layout.addWidget(self._none)
        self.page.addWidget(self._settings_card)

    def _show_settings(self, differences: Sequence[Difference]) -> None:
        columns: list[Column] = [(tr("Setting"), lambda row: row.label)]
        columns += [(run.label, partial(_value_of, number)) for number, run in enumerate(self.runs)]
        self.settings.show_items(differences, columns)
        labels = (self.table.fontMetrics().horizontalAdvance(row.label) + _PADDING for row in differences)
        self.table.set_column_widths({0: min(max(labels, default=0), _WIDEST_LABEL)})
        self.table.horizontalHeader().setMinimumSectionSize(_LEAST_COLUMN)
        height = _HEADER_HEIGHT + _ROW_HEIGHT * len(differences)
        self.table.setFixedHeight(height + 12)  # a scrollbar for many runs
        self.table.setVisible(bool(differences))
        self._none.setVisible(not differences)

    def _show_answers(self, questions: Sequence[Question]) -> None:
        for card in self.cards:
            self._answers.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [AnswersCard(question, [run.label for run in self.runs]) for question in questions]
        for card in self.cards:
            self._answers.addWidget(card)
        self._answers_heading.setVisible(bool(questions))


def _value_of(number: int, difference: Difference) -> str:
    return difference.values[number]
