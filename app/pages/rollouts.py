"""The Answers tab of an on-policy run: each question with its rollouts and their scores."""

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.language import localize, tr
from app.runs.rollout_samples import RolloutGroup, RolloutReader
from app.style import theme
from app.threads.task import Task
from app.widgets.card import Card, vbox
from app.widgets.item_model import ItemModel
from app.widgets.labels import Label, caption
from app.widgets.scored_answer import AnswerCard, shorten
from app.widgets.scroll_page import ScrollPage
from app.widgets.table import Table


def _score(value: float) -> str:
    return localize(f"{value:.2f}")


_COLUMNS = [
    (tr("Step"), lambda g: localize(f"{g.step:,}")),
    (tr("Question"), lambda g: g.question),
    (tr("Mean"), lambda g: _score(g.mean)),
    (tr("Best"), lambda g: _score(max(g.rewards)) if g.rewards else "–"),
    (tr("Worst"), lambda g: _score(min(g.rewards)) if g.rewards else "–"),
]


class RolloutsPage(QWidget):
    """A table of the newest questions; below it the answers to the selected one, the best first."""

    def __init__(self) -> None:
        super().__init__()
        self._reader: RolloutReader | None = None
        self._reading: Task | None = None
        layout = vbox(self, gap=theme.GRID)
        self._stack = QStackedWidget()
        layout.addWidget(self._stack)
        self._stack.addWidget(Label(tr("The first answers appear once the model has written them."), tone="secondary"))
        page = QWidget()
        inner = vbox(page, gap=theme.GRID)
        self.model = ItemModel(_COLUMNS)
        self.table = Table(self.model, tr("Questions, the newest first"), {0: 64, 2: 72, 3: 72, 4: 72})
        card = Card()
        card_layout = vbox(card)
        card_layout.setContentsMargins(1, 6, 1, 6)
        card_layout.addWidget(self.table)
        inner.addWidget(card, 2)
        self.answers = ScrollPage(in_tab=True)
        inner.addWidget(self.answers, 3)
        self._stack.addWidget(page)
        self.group: RolloutGroup | None = None
        self.table.selectionModel().currentRowChanged.connect(lambda current, _: self._show_row(current.row()))

    def use(self, folder: Path) -> None:
        """Show the answers of the run in this folder."""
        self._reader = RolloutReader(folder / "samples.jsonl")

    def refresh(self) -> None:
        """Read the new groups, in the background."""
        if self._reader is None or (self._reading and self._reading.isRunning()):
            return
        self._reading = Task(self, self._reader.read, done=self._show_groups)

    def _show_groups(self, has_changed: bool) -> None:
        if self._reader is None or not (has_changed or (self.model.rowCount() == 0 and self._reader.groups)):
            return
        newest = list(reversed(self._reader.groups))
        self.model.show_items(newest)
        self._stack.setCurrentIndex(1 if newest else 0)
        # The group that a person is reading stays selected, however many new ones arrive.
        row = next((i for i, group in enumerate(newest) if group is self.group), 0)
        if newest:
            self.table.selectRow(row)

    def _show_row(self, row: int) -> None:
        if 0 <= row < self.model.rowCount():
            self.show_group(self.model.item(row))

    def show_group(self, group: RolloutGroup) -> None:
        """Show one question's answers."""
        if group is self.group:
            return
        self.group = group
        while item := self.answers.content_layout.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        layout = self.answers.content_layout
        layout.addWidget(Label(shorten(group.question), bold=True, selectable=True))
        layout.addWidget(caption(_summarize(group)))
        for i, rollout in enumerate(group.rollouts):
            mark = "" if group.flat else tr("Best") if i == 0 else tr("Worst") if i == len(group.rollouts) - 1 else ""
            layout.addWidget(AnswerCard(rollout, mark))
        layout.addStretch()
        QTimer.singleShot(0, self, lambda: self.answers.verticalScrollBar().setValue(0))


def _summarize(group: RolloutGroup) -> str:
    """A group's step, size, mean and right answer in one line."""
    parts = [
        tr("Step {step:,}", step=group.step),
        tr("{count} answers", count=len(group.rollouts)),
        tr("mean {mean:.2f}", mean=group.mean),
    ]
    if group.expected:
        parts.append(tr("right answer: {shorten}", shorten=shorten(group.expected)))
    if not group.is_used:
        parts.append(tr("thrown away: all score the same"))
    elif group.flat:
        parts.append(tr("all score the same: nothing is learned from them"))
    return "  ·  ".join(parts)
