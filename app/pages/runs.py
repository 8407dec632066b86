"""All runs that lie on disk: what each was, how it ended, and what can be done with it."""

import datetime
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.desktop import reveal
from app.runs import history, status_text
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import plain, primary, quiet
from app.widgets.card import Card, column, row
from app.widgets.item_model import Column, Rows
from app.widgets.labels import Glyph, Text, title
from app.widgets.notice import Notice
from app.widgets.table import Table
from core.run import runs_folder

_WIDTHS = {2: 84, 3: 132, 4: 120, 5: 92, 6: 112}
_TIME = 5  # the column that a narrow window does without


def _begun(entry: history.Entry) -> str:
    when = datetime.datetime.fromtimestamp(entry.began)
    return f"{when:%d %b, %H:%M}" if when.year == datetime.datetime.now().year else f"{when:%d %b %Y}"


COLUMNS: list[Column] = [
    ("Run", lambda e: e.title),
    ("Model", lambda e: e.model),
    ("Method", lambda e: e.method),
    ("Status", lambda e: e.status),
    ("Result", lambda e: e.result),
    ("Time", lambda e: "–" if e.seconds is None else status_text.format_duration(e.seconds)),
    ("Begun", _begun),
]


class RunsPage(QWidget):
    """`open_run(folder)`, `resume(folder)`; `new_run` from the empty page. `here` names the folders that train now."""

    open_run = Signal(object)
    resume = Signal(object)
    new_run = Signal()
    choose = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.here: set[Path] = set()
        self._task: Task | None = None
        layout = column(self, theme.MARGIN, theme.GRID + 4)
        head = row(gap=8)
        head.addWidget(title("Runs"), 1)
        self.elsewhere = quiet("Open a run elsewhere…", "folder")
        self.elsewhere.clicked.connect(self.choose)
        head.addWidget(self.elsewhere)
        layout.addLayout(head)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self._rows = Rows(COLUMNS)
        self.table = Table(self._rows, "Runs", _WIDTHS, row_height=36, spare=_TIME)
        self.table.activated.connect(lambda index: self._open())
        card = Card()
        inner = column(card)
        inner.setContentsMargins(5, 5, 5, 5)
        inner.addWidget(self.table)
        self._full = QWidget()
        full = column(self._full, gap=theme.GRID + 4)
        full.addWidget(card, 1)
        full.addLayout(self._buttons())
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty())
        self._stack.addWidget(self._full)
        layout.addWidget(self._stack, 1)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_buttons())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    def look(self) -> None:
        """Read the folders again."""
        if self._task:
            self._task.drop()
        self._task = Task(self, lambda: history.entries(runs_folder()), done=self.show_entries)

    def show_entries(self, found: list[history.Entry]) -> None:
        """Show these runs, keeping the chosen one chosen."""
        chosen = self.chosen()
        found = [replace(e, status="Training now") if e.folder in self.here else e for e in found]
        self._rows.show_items(found)
        self.table.arrange(_WIDTHS)
        self._stack.setCurrentIndex(1 if found else 0)
        folders_ = [e.folder for e in found]
        if found:
            self.table.selectRow(folders_.index(chosen.folder) if chosen and chosen.folder in folders_ else 0)
        self._say_interrupted(found)
        self._show_buttons()

    def chosen(self) -> history.Entry | None:
        """The run that is selected."""
        rows = self.table.selectionModel().selectedRows()
        if not rows or rows[0].row() >= self._rows.rowCount():
            return None
        found: history.Entry = self._rows.item(rows[0].row())
        return found

    def _say_interrupted(self, found: list[history.Entry]) -> None:
        died = [e for e in found if e.status == "Interrupted" and e.folder not in self.here]
        if not died:
            self.notice.hide()
            return
        what = f"“{died[0].name}” was" if len(died) == 1 else f"{len(died)} runs were"
        self.notice.say(
            f"{what} interrupted before the end.", "Choose it and go on: it continues where it was.", "accent"
        )

    def _empty(self) -> QWidget:
        page = QWidget()
        layout = column(page, gap=10)
        layout.addStretch(2)
        for part in (Glyph("runs", "secondary", 44), Text("No runs yet", bold=True, wrap=False)):
            layout.addWidget(part, 0, theme.CENTRE)
        words = Text(
            "Each run you start is kept here, with its charts, samples and adapter.", tone="secondary", wrap=False
        )
        layout.addWidget(words, 0, theme.CENTRE)
        self.begin = primary("Start a new run", "new")
        self.begin.clicked.connect(self.new_run)
        layout.addSpacing(6)
        layout.addWidget(self.begin, 0, theme.CENTRE)
        layout.addStretch(3)
        return page

    def _buttons(self) -> QHBoxLayout:
        line = row(gap=8)
        self.open_button = primary("Open", "runs")
        self.resume_button = plain("Go on with it", "play")
        self.reveal_button = plain(reveal.REVEAL_LABEL, "folder")
        self.open_button.clicked.connect(self._open)
        self.resume_button.clicked.connect(self._resume)
        self.reveal_button.clicked.connect(self._reveal)
        for button in (self.open_button, self.resume_button, self.reveal_button):
            line.addWidget(button)
        self._why = Text("", "caption", tone="secondary")
        line.addWidget(self._why, 1)
        return line

    def _show_buttons(self) -> None:
        entry = self.chosen()
        for button in (self.open_button, self.reveal_button):
            button.setEnabled(entry is not None)
        here = entry is not None and entry.folder in self.here
        self.resume_button.setEnabled(entry is not None and entry.resumable and not here)
        why = ""
        if entry is not None and not self.resume_button.isEnabled():
            why = (
                "It is training now."
                if here or entry.status == "Active"
                else "It is finished; nothing is left to go on with."
            )
        self._why.setText(why)

    def _open(self) -> None:
        if entry := self.chosen():
            self.open_run.emit(entry.folder)

    def _resume(self) -> None:
        if entry := self.chosen():
            self.resume.emit(entry.folder)

    def _reveal(self) -> None:
        if entry := self.chosen():
            reveal.reveal(entry.folder)
