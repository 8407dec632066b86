"""The Runs page: a table of all runs on disk, with buttons to open, resume or reveal one."""

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
from app.widgets.buttons import plain_button, primary_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.item_model import Column, ItemModel
from app.widgets.labels import IconLabel, Label, title
from app.widgets.notice import Notice
from app.widgets.table import Table
from core.run import runs_folder

_WIDTHS = {2: 84, 3: 132, 4: 120, 5: 92, 6: 112}
_TIME_COLUMN = 5  # the column that a narrow window leaves out


def _format_start(entry: history.HistoryEntry) -> str:
    start = datetime.datetime.fromtimestamp(entry.start_time)
    return f"{start:%d %b, %H:%M}" if start.year == datetime.datetime.now().year else f"{start:%d %b %Y}"


COLUMNS: list[Column] = [
    ("Run", lambda e: e.title),
    ("Model", lambda e: e.model),
    ("Method", lambda e: e.method),
    ("Status", lambda e: e.status),
    ("Result", lambda e: e.result),
    ("Time", lambda e: "–" if e.seconds is None else status_text.format_duration(e.seconds)),
    ("Begun", _format_start),
]


class RunsPage(QWidget):
    """`open_run(folder)`, `resume(folder)`, `choose_folder`; `new_run` from the empty page.

    `active_folders` are those of runs that this window is training.
    """

    open_run = Signal(object)
    resume = Signal(object)
    new_run = Signal()
    choose_folder = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.active_folders: set[Path] = set()
        self._task: Task | None = None
        layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        header = hbox(gap=8)
        header.addWidget(title("Runs"), 1)
        self.open_elsewhere_button = quiet_button("Open a run elsewhere…", "folder")
        self.open_elsewhere_button.clicked.connect(self.choose_folder)
        header.addWidget(self.open_elsewhere_button)
        layout.addLayout(header)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self._model = ItemModel(COLUMNS)
        self.table = Table(self._model, "Runs", _WIDTHS, row_height=36, optional_column=_TIME_COLUMN)
        self.table.activated.connect(lambda index: self._open())
        card = Card()
        inner = vbox(card)
        inner.setContentsMargins(5, 5, 5, 5)
        inner.addWidget(self.table)
        self._full_page = QWidget()
        full_layout = vbox(self._full_page, gap=theme.GRID + 4)
        full_layout.addWidget(card, 1)
        full_layout.addLayout(self._build_buttons())
        self._stack = QStackedWidget()
        self._stack.addWidget(self._build_empty_page())
        self._stack.addWidget(self._full_page)
        layout.addWidget(self._stack, 1)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._update_buttons())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Read the folders again."""
        if self._task:
            self._task.cancel()
        self._task = Task(self, lambda: history.list_runs(runs_folder()), done=self.show_entries)

    def show_entries(self, entries: list[history.HistoryEntry]) -> None:
        """Show these runs; the selected one stays selected."""
        selected = self.selected_entry()
        entries = [replace(e, status="Training now") if e.folder in self.active_folders else e for e in entries]
        self._model.show_items(entries)
        self.table.set_column_widths(_WIDTHS)
        self._stack.setCurrentIndex(1 if entries else 0)
        folders = [e.folder for e in entries]
        if entries:
            self.table.selectRow(folders.index(selected.folder) if selected and selected.folder in folders else 0)
        self._announce_interrupted(entries)
        self._update_buttons()

    def selected_entry(self) -> history.HistoryEntry | None:
        """The run that is selected."""
        rows = self.table.selectionModel().selectedRows()
        if not rows or rows[0].row() >= self._model.rowCount():
            return None
        entry: history.HistoryEntry = self._model.item(rows[0].row())
        return entry

    def _announce_interrupted(self, entries: list[history.HistoryEntry]) -> None:
        interrupted = [e for e in entries if e.status == "Interrupted" and e.folder not in self.active_folders]
        if not interrupted:
            self.notice.hide()
            return
        subject = f"“{interrupted[0].name}” was" if len(interrupted) == 1 else f"{len(interrupted)} runs were"
        self.notice.show_message(
            f"{subject} interrupted before the end.", "Choose it and go on: it continues where it was.", "accent"
        )

    def _build_empty_page(self) -> QWidget:
        page = QWidget()
        layout = vbox(page, gap=10)
        layout.addStretch(2)
        for part in (IconLabel("runs", "secondary", 44), Label("No runs yet", bold=True, wrap=False)):
            layout.addWidget(part, 0, theme.CENTRE)
        text = Label(
            "Each run you start is kept here, with its charts, samples and adapter.", tone="secondary", wrap=False
        )
        layout.addWidget(text, 0, theme.CENTRE)
        self.begin = primary_button("Start a new run", "new")
        self.begin.clicked.connect(self.new_run)
        layout.addSpacing(6)
        layout.addWidget(self.begin, 0, theme.CENTRE)
        layout.addStretch(3)
        return page

    def _build_buttons(self) -> QHBoxLayout:
        layout = hbox(gap=8)
        self.open_button = primary_button("Open", "runs")
        self.resume_button = plain_button("Go on with it", "play")
        self.reveal_button = plain_button(reveal.REVEAL_LABEL, "folder")
        self.open_button.clicked.connect(self._open)
        self.resume_button.clicked.connect(self._resume)
        self.reveal_button.clicked.connect(self._reveal)
        for button in (self.open_button, self.resume_button, self.reveal_button):
            layout.addWidget(button)
        self._reason = Label("", "caption", tone="secondary")
        layout.addWidget(self._reason, 1)
        return layout

    def _update_buttons(self) -> None:
        entry = self.selected_entry()
        for button in (self.open_button, self.reveal_button):
            button.setEnabled(entry is not None)
        is_active = entry is not None and entry.folder in self.active_folders
        self.resume_button.setEnabled(entry is not None and entry.resumable and not is_active)
        reason = entry.damage if entry is not None else ""
        if entry is not None and not reason and not self.resume_button.isEnabled():
            reason = (
                "It is training now."
                if is_active or entry.status == "Active"
                else "It is finished; nothing is left to go on with."
            )
        self._reason.set_tone("bad" if entry is not None and entry.damage else "secondary")
        self._reason.setText(reason)

    def _open(self) -> None:
        if entry := self.selected_entry():
            self.open_run.emit(entry.folder)

    def _resume(self) -> None:
        if entry := self.selected_entry():
            self.resume.emit(entry.folder)

    def _reveal(self) -> None:
        if entry := self.selected_entry():
            reveal.reveal(entry.folder)
