"""The Answers tab of a run that learns from answers of its own: each question with its answers and their scores."""

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.runs.rollout_samples import Group, Groups
from app.style import theme
from app.threads.task import Task
from app.widgets.card import Card, column
from app.widgets.item_model import Rows
from app.widgets.labels import Text, caption
from app.widgets.scored_answer import AnswerCard, short
from app.widgets.scroll_page import Scroll
from app.widgets.table import Table

_COLUMNS = [
    ("Step", lambda g: f"{g.step:,}"),
    ("Question", lambda g: g.question),
    ("Mean", lambda g: f"{g.mean:.2f}"),
    ("Best", lambda g: f"{max(g.rewards):.2f}" if g.rewards else "–"),
    ("Worst", lambda g: f"{min(g.rewards):.2f}" if g.rewards else "–"),
]


class GroupsPage(QWidget):
    """A table of the newest questions; the chosen one's answers below it, the best first."""

    def __init__(self) -> None:
        super().__init__()
        self._groups: Groups | None = None
        self._reading: Task | None = None
        layout = column(self, gap=theme.GRID)
        self._stack = QStackedWidget()
        layout.addWidget(self._stack)
        self._stack.addWidget(Text("The first answers appear once the model has written them.", tone="secondary"))
        page = QWidget()
        inner = column(page, gap=theme.GRID)
        self.model = Rows(_COLUMNS)
        self.table = Table(self.model, "Questions, the newest first", {0: 64, 2: 72, 3: 72, 4: 72})
        card = Card()
        framed = column(card)
        framed.setContentsMargins(1, 6, 1, 6)
        framed.addWidget(self.table)
        inner.addWidget(card, 2)
        self.answers = Scroll(margin=0)
        inner.addWidget(self.answers, 3)
        self._stack.addWidget(page)
        self.shown: Group | None = None
        self.table.selectionModel().currentRowChanged.connect(lambda now, _: self._choose(now.row()))

    def use(self, folder: Path) -> None:
        """Show the answers of the run in this folder."""
        self._groups = Groups(folder / "samples.jsonl")

    def look(self) -> None:
        """Read what has come, in the background."""
        if self._groups is None or (self._reading and self._reading.isRunning()):
            return
        self._reading = Task(self, self._groups.read, done=self._came)

    def _came(self, some: bool) -> None:
        if self._groups is None or not (some or (self.model.rowCount() == 0 and self._groups.found)):
            return
        newest = list(reversed(self._groups.found))
        self.model.show_items(newest)
        self._stack.setCurrentIndex(1 if newest else 0)
        # What a person is reading stays, however many answers come.
        place = next((i for i, g in enumerate(newest) if g is self.shown), 0)
        if newest:
            self.table.selectRow(place)

    def _choose(self, place: int) -> None:
        if 0 <= place < self.model.rowCount():
            self.show_group(self.model.item(place))

    def show_group(self, group: Group) -> None:
        """Show one question's answers."""
        if group is self.shown:
            return
        self.shown = group
        while item := self.answers.column.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        add = self.answers.column.addWidget
        add(Text(short(group.question), bold=True, selectable=True))
        add(caption(_about(group)))
        for i, reply in enumerate(group.replies):
            mark = "" if group.flat else "Best" if i == 0 else "Worst" if i == len(group.replies) - 1 else ""
            add(AnswerCard(reply, mark))
        self.answers.column.addStretch()
        QTimer.singleShot(0, self, lambda: self.answers.verticalScrollBar().setValue(0))


def _about(group: Group) -> str:
    parts = [f"Step {group.step:,}", f"{len(group.replies)} answers", f"mean {group.mean:.2f}"]
    if group.expected:
        parts.append(f"right answer: {short(group.expected)}")
    if not group.kept:
        parts.append("thrown away: all score the same")
    elif group.flat:
        parts.append("all score the same: nothing is learned from them")
    return "  ·  ".join(parts)
