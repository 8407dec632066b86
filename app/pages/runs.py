"""The Runs page: all runs on disk and those that wait, to sort, search and compare, to go on with and to delete."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop import reveal
from app.desktop.language import tr
from app.pages.delete_runs import DeletedBar
from app.pages.run_menu import list_actions
from app.pages.run_notes import NAME, TAGS, TEXT, RunNotesDialog
from app.pages.runs_buttons import RunsButtons
from app.pages.runs_filter import RunsFilter
from app.pages.runs_model import RunsModel
from app.pages.runs_notices import FailureNotice, HeldNotice, InterruptedNotice
from app.pages.runs_table import RunsTable
from app.runs import history, run_list
from app.runs.job_queue import JobQueue
from app.runs.kept_queue import QueuedRun
from app.runs.labels import data_label
from app.runs.live_run import LiveRun
from app.runs.run_list import RunRow
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import primary_button, quiet_button
from app.widgets.card import card_around, hbox, vbox
from app.widgets.empty_page import make_empty_page
from app.widgets.labels import title
from core.errors import UserError

_LIVE_MS = 1000  # how often the run that is training is written anew


class RunsPage(QWidget):
    """`open_run(folder)`, `resume(folder)`, `run_again(run, name)`, `compare(folders)`, `deleted(folders)`;
    `choose_folder`; `go_on(kept)` and `forget(kept)` for runs that were kept from before; `new_run` from the empty
    page.
    """

    open_run = Signal(object)
    use_it = Signal(object)  # the folder of a run whose result is to be used
    resume = Signal(object)
    run_again = Signal(object, str)
    compare = Signal(object)
    deleted = Signal(object)
    seen = Signal()  # what failed
    go_on = Signal(object)
    forget = Signal(object)
    new_run = Signal()
    choose_folder = Signal()

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self.held: Sequence[QueuedRun] = ()  # kept from before; the window sets it
        self.failed: list[LiveRun] = []  # in this window
        self._unseen: set[Path] = set()  # folders of what has failed since the page was last shown
        self._returned: list[Path] = []  # from the Trash, until they are listed again
        self._entries: list[history.HistoryEntry] | None = None  # those on disk, once they are read
        self._task: Task | None = None
        layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        header = hbox(gap=8)
        header.addWidget(title(tr("Runs")), 1)
        self.open_elsewhere_button = quiet_button(tr("Open a run elsewhere…"), "folder")
        self.open_elsewhere_button.clicked.connect(self.choose_folder)
        header.addWidget(self.open_elsewhere_button)
        layout.addLayout(header)
        self.deleted_bar, self.failure_notice = DeletedBar(), FailureNotice()
        self.held_notice, self.interrupted_notice = HeldNotice(), InterruptedNotice()
        for notice in (self.deleted_bar, self.failure_notice, self.held_notice, self.interrupted_notice):
            layout.addWidget(notice)
        self._model = RunsModel()
        self.table = RunsTable(self._model)
        self._full_page = QWidget()
        full_layout = vbox(self._full_page, gap=theme.GRID + 4)
        self.filter = RunsFilter()
        full_layout.addWidget(self.filter)
        full_layout.addWidget(card_around(self.table), 1)
        self.buttons = RunsButtons()
        full_layout.addWidget(self.buttons)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._build_empty_page())
        self._stack.addWidget(self._full_page)
        self._stack.setCurrentIndex(1)
        layout.addWidget(self._stack, 1)
        self._connect()

    def _connect(self) -> None:
        self.table.activated.connect(lambda index: self.carry_out("open"))
        self.table.customContextMenuRequested.connect(self._show_context_menu)
        self.deleted_bar.returned.connect(self._show_returned)
        self.deleted_bar.deleted.connect(self._forget_deleted)
        self.failure_notice.again_button.clicked.connect(self._run_failed_again)
        self.held_notice.start_button.clicked.connect(lambda: self.go_on.emit(list(self.held)))
        self.held_notice.forget_button.clicked.connect(self._forget_held)
        self.filter.changed.connect(self._narrow)
        self.buttons.chosen.connect(self.carry_out)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._update_buttons())
        self._model.modelReset.connect(self._update_buttons)
        self._timer = QTimer(self, interval=_LIVE_MS)
        self._timer.timeout.connect(self.show_rows)
        self._jobs.queue_changed.connect(self._refresh_if_shown)
        self._jobs.current_changed.connect(self._forget_failure)
        self._jobs.current_changed.connect(self._refresh_if_shown)
        self._jobs.run_failed.connect(self._note_failure)
        for keys, key in ((QKeySequence.StandardKey.Delete, "delete"), (QKeySequence("F2"), "rename")):
            shortcut = QShortcut(keys, self.table, context=Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(lambda key=key: self.carry_out(key))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._unseen.clear()
        self.seen.emit()
        if self._entries is not None:
            self.show_rows()
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        self.failure_notice.hide()  # it was seen
        self.deleted_bar.hide()

    def refresh(self) -> None:
        """Read the folders again."""
        if self._task:
            self._task.cancel()
        self._task = Task(self, history.list_known, done=self.show_entries)

    def show_entries(self, entries: list[history.HistoryEntry]) -> None:
        """Show these runs beside those of the queue."""
        self._entries = entries
        self.show_rows()
        if self._returned:
            self.table.select_folders(self._returned)
            self._returned = []
        self._announce()

    def show_rows(self) -> None:
        """Show the rows as they are now; those that are selected stay so, and the next one where they are gone."""
        selected = [row.folder for row in self.table.selected_rows()]
        place = min((index.row() for index in self.table.selectionModel().selectedRows()), default=0)
        self._model.show_rows(run_list.make_rows(self._entries or [], self._jobs, self.failed, self.held))
        self.filter.show_methods(sorted({row.entry.method for row in self._model.rows} - {"–"}))
        has_none = self._entries is not None and not self._model.rows
        self._stack.setCurrentIndex(0 if has_none else 1)
        self.table.select_folders(selected, place)
        self._update_buttons()

    def carry_out(self, key: str) -> None:
        """Carry out an action of the menu on what is selected, where it is possible."""
        rows = self.table.selected_rows()
        action = next((a for a in list_actions(rows) if a is not None and a.key == key), None)
        if action is None:
            return
        if action.reason:
            self.buttons.show_reason(action.reason)
            return
        commands: dict[str, Callable[[], object]] = {
            "open": lambda: self.open_run.emit(rows[0].folder),
            "use": lambda: self.use_it.emit(rows[0].folder),
            "resume": lambda: self.resume.emit(rows[0].folder),
            "again": lambda: self._run_again(rows[0]),
            "compare": lambda: self.compare.emit([row.folder for row in rows]),
            "rename": lambda: self.edit_notes(rows[0], NAME),
            "tags": lambda: self.edit_notes(rows[0], TAGS),
            "notes": lambda: self.edit_notes(rows[0], TEXT),
            "reveal": lambda: reveal.reveal(rows[0].folder),
            "delete": lambda: self.discard([row.folder for row in rows]),
            "stop": lambda: self._stop(rows[0]),
            "earlier": lambda: self._move(rows[0], -1),
            "later": lambda: self._move(rows[0], 1),
            "cancel": lambda: self._cancel(rows[0]),
            "go on": lambda: self.go_on.emit([rows[0].held]),
        }
        commands[key]()

    def edit_notes(self, row: RunRow, focus: str) -> RunNotesDialog:
        """Open the dialog for a run's name, tags and notes."""
        dialog = RunNotesDialog(self, row.entry, focus)
        dialog.accepted.connect(self.refresh)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _show_context_menu(self, place: QPoint) -> None:
        self.buttons.pop_up(self.table.viewport().mapToGlobal(place))

    def _run_again(self, row: RunRow) -> None:
        try:
            self.run_again.emit(row.read_run(), row.entry.title)
        except UserError as error:
            self.buttons.show_reason(tr(str(error)))

    def discard(self, folders: Sequence[Path]) -> None:
        """Put the folders of runs into the Trash, from which they can come back, or forget those that have none yet."""
        there = [folder for folder in folders if folder.exists()]  # which the list may not have seen yet
        if gone := [folder for folder in folders if folder not in there]:
            self._forget_deleted(gone)
        if there:
            self.deleted_bar.delete(there)

    def _forget_deleted(self, folders: list[Path]) -> None:
        self.failed = [live for live in self.failed if Path(live.run.output or "") not in folders]
        self.deleted.emit(folders)
        self.refresh()

    def _show_returned(self, folders: list[Path]) -> None:
        """Runs are back from the Trash: they are what is selected, and the keyboard goes on in the list."""
        self._returned = folders
        self.table.setFocus()
        self.refresh()

    def _cancel(self, row: RunRow) -> None:
        if row.held is not None:
            self.forget.emit(row.held)
        elif row.live is not None:
            self._jobs.cancel(row.live)

    def _stop(self, row: RunRow) -> None:
        if row.live is not None and row.live.is_waiting:
            self._jobs.cancel(row.live)
        elif row.live is not None:
            row.live.stop()

    def _move(self, row: RunRow, by: int) -> None:
        if row.live is not None:
            self._jobs.move(row.live, by)

    def _run_failed_again(self) -> None:
        if self.failed:
            self.run_again.emit(self.failed[-1].run, data_label(self.failed[-1].run))

    def _forget_held(self) -> None:
        for kept in list(self.held):
            self.forget.emit(kept)

    @property
    def unseen_failures(self) -> int:
        """How many runs have failed since the page was last shown, and nobody has seen or resumed."""
        return len(self._unseen)

    def mark_seen(self, folder: Path) -> None:
        """The run of this folder is looked at, or goes on: that it has failed is no news."""
        if folder in self._unseen:
            self._unseen.discard(folder)
            self.seen.emit()

    def _note_failure(self, live: LiveRun) -> None:
        """Tell that a run has failed, and list it with the reason."""
        self.failed = [other for other in self.failed if other.run.output != live.run.output] + [live]
        more = len(self._jobs.waiting_runs) + (self._jobs.current is not None)
        self.failure_notice.show_failure(live, goes_on=bool(more))
        if not self.isVisible():
            self._unseen.add(Path(live.run.output or ""))
        self._refresh_if_shown()

    def _forget_failure(self) -> None:
        """A run that had failed goes on."""
        current = self._jobs.current
        self.failed = [live for live in self.failed if current is None or live.run.output != current.run.output]
        if current is not None:
            self.mark_seen(Path(current.run.output or ""))

    def _refresh_if_shown(self) -> None:
        if self.isVisible():
            self.show_rows()
            self.refresh()

    def _announce(self) -> None:
        """Tell of runs that were kept from before, or else of those that were interrupted."""
        self.held_notice.show_runs(self.held)
        interrupted = [row for row in self._model.rows if row.entry.status == history.INTERRUPTED and row.live is None]
        is_calm = self.failure_notice.isHidden() and self.deleted_bar.isHidden() and not self.held
        self.interrupted_notice.show_runs(interrupted if is_calm else ())

    def _narrow(self) -> None:
        selected = [row.folder for row in self.table.selected_rows()]
        self._model.narrow(*self.filter.criteria)
        self.table.select_folders(selected)
        self._update_buttons()

    def _build_empty_page(self) -> QWidget:
        self.begin = primary_button(tr("Start a new run"), "new")
        self.begin.clicked.connect(self.new_run)
        words = tr("Each run you start is kept here, with its charts, samples and adapter.")
        return make_empty_page("runs", tr("No runs yet"), words, self.begin)

    def _update_buttons(self) -> None:
        self.buttons.show_rows(self.table.selected_rows())
