"""The Runs page: all runs on disk and those that wait, to sort, search and compare, to go on with and to delete."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStackedWidget, QWidget

from app.desktop import reveal
from app.desktop.language import tr, tr_count
from app.pages.delete_runs import DeletedBar
from app.pages.run_menu import RunAction, list_actions, resume_reason, show_menu
from app.pages.run_notes import NAME, TAGS, TEXT, RunNotesDialog
from app.pages.runs_table import RunsModel, RunsTable
from app.runs import history, run_list
from app.runs.job_queue import JobQueue, LiveRun
from app.runs.kept_queue import QueuedRun
from app.runs.labels import data_label
from app.runs.run_list import GROUPS, RunRow
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import plain_button, primary_button, quiet_button
from app.widgets.card import card_around, hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.empty_page import make_empty_page
from app.widgets.labels import ElidedLabel, title
from app.widgets.line_edit import LineEdit
from app.widgets.notice import Notice
from core.errors import UserError
from core.run import Run, runs_folder

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
        self.unseen_failures = 0  # since the page was last shown
        self._entries: list[history.HistoryEntry] | None = None  # those on disk, once they are read
        self._task: Task | None = None
        layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        header = hbox(gap=8)
        header.addWidget(title(tr("Runs")), 1)
        self.open_elsewhere_button = quiet_button(tr("Open a run elsewhere…"), "folder")
        self.open_elsewhere_button.clicked.connect(self.choose_folder)
        header.addWidget(self.open_elsewhere_button)
        layout.addLayout(header)
        self.notice, self.held_notice, self.failure_notice = Notice(), Notice(), Notice()
        self.deleted_bar = DeletedBar()
        self.deleted_bar.changed.connect(self.refresh)
        self.deleted_bar.deleted.connect(self._forget_deleted)
        self._add_notice_actions()
        for notice in (self.deleted_bar, self.failure_notice, self.held_notice, self.notice):
            layout.addWidget(notice)
        self._model = RunsModel()
        self.table = RunsTable(self._model)
        self._full_page = QWidget()
        full_layout = vbox(self._full_page, gap=theme.GRID + 4)
        full_layout.addLayout(self._build_filters())
        full_layout.addWidget(card_around(self.table), 1)
        self._reason = ElidedLabel("", "caption", tone="secondary")  # of one line, so that nothing moves
        full_layout.addWidget(self._reason)
        full_layout.addLayout(self._build_buttons())
        self._stack = QStackedWidget()
        self._stack.addWidget(self._build_empty_page())
        self._stack.addWidget(self._full_page)
        self._stack.setCurrentIndex(1)
        layout.addWidget(self._stack, 1)
        self._connect()

    def _connect(self) -> None:
        self.table.activated.connect(lambda index: self.carry_out("open"))
        self.table.customContextMenuRequested.connect(self._show_context_menu)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._update_buttons())
        self._model.modelReset.connect(self._update_buttons)
        self._timer = QTimer(self, interval=_LIVE_MS)
        self._timer.timeout.connect(self.show_rows)
        self._jobs.queue_changed.connect(self._refresh_if_shown)
        self._jobs.current_changed.connect(self._refresh_if_shown)
        self._jobs.run_failed.connect(self._note_failure)
        for keys, key in ((QKeySequence.StandardKey.Delete, "delete"), (QKeySequence("F2"), "rename")):
            shortcut = QShortcut(keys, self.table, context=Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(lambda key=key: self.carry_out(key))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.unseen_failures = 0
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
        self._task = Task(self, lambda: history.list_runs(runs_folder()), done=self.show_entries)

    def show_entries(self, entries: list[history.HistoryEntry]) -> None:
        """Show these runs beside those of the queue."""
        self._entries = entries
        self.show_rows()
        self._announce()

    def show_rows(self) -> None:
        """Show the rows as they are now; those that are selected stay selected."""
        selected = [row.folder for row in self.selected_rows()]
        self._model.show_rows(run_list.make_rows(self._entries or [], self._jobs, self.failed, self.held))
        methods = sorted({row.entry.method for row in self._model.rows} - {"–"})
        if [self.method_box.itemData(n) for n in range(1, self.method_box.count())] != methods:
            self._list_methods(methods)
        has_none = self._entries is not None and not self._model.rows
        self._stack.setCurrentIndex(0 if has_none else 1)
        self._select(selected)
        self._update_buttons()

    def selected_rows(self) -> list[RunRow]:
        """The runs that are selected, from top to bottom."""
        numbers = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self._model.row_at(n) for n in numbers if n < self._model.rowCount()]

    def carry_out(self, key: str) -> None:
        """Carry out an action of the menu on what is selected, where it is possible."""
        rows = self.selected_rows()
        action = next((a for a in list_actions(rows) if a is not None and a.key == key), None)
        if action is None:
            return
        if action.reason:
            self._show_reason(action.reason)
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
            "delete": lambda: self._delete(rows),
            "stop": lambda: _stop(rows[0]),
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

    def make_menu(self) -> QMenu:
        """The menu of what is selected."""
        return show_menu(self, self.selected_rows(), self.carry_out)

    def _show_context_menu(self, place: QPoint) -> None:
        menu = self.make_menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.table.viewport().mapToGlobal(place))

    def _run_again(self, row: RunRow) -> None:
        try:
            self.run_again.emit(_read_run(row), row.entry.title)
        except UserError as error:
            self._show_reason(tr(str(error)))

    def _delete(self, rows: Sequence[RunRow]) -> None:
        self._forget_deleted([row.folder for row in rows if not row.on_disk])  # failed before they had a folder
        if folders := [row.folder for row in rows if row.on_disk]:
            self.deleted_bar.delete(folders)

    def discard(self, folder: Path) -> None:
        """Put the folder of a run into the Trash, from which it can come back, or forget one that has no folder yet."""
        if folder.exists():
            self.deleted_bar.delete([folder])
        else:
            self._forget_deleted([folder])

    def _forget_deleted(self, folders: list[Path]) -> None:
        self.failed = [live for live in self.failed if Path(live.run.output or "") not in folders]
        self.deleted.emit(folders)
        self.refresh()

    def _cancel(self, row: RunRow) -> None:
        if row.held is not None:
            self.forget.emit(row.held)
        elif row.live is not None:
            self._jobs.cancel(row.live)

    def _move(self, row: RunRow, by: int) -> None:
        if row.live is not None:
            self._jobs.move(row.live, by)

    def _run_failed_again(self) -> None:
        if self.failed:
            self.run_again.emit(self.failed[-1].run, data_label(self.failed[-1].run))

    def _forget_held(self) -> None:
        for kept in list(self.held):
            self.forget.emit(kept)

    def _note_failure(self, live: LiveRun) -> None:
        """Tell that a run has failed, and list it with the reason."""
        self.failed = [other for other in self.failed if other.run.output != live.run.output] + [live]
        more = len(self._jobs.waiting_runs) + (self._jobs.current is not None)
        rest = tr("The queue goes on with the runs behind it.") if more else ""
        sentence = tr("“{name}” failed.", name=data_label(live.run))
        self.failure_notice.show_message(sentence, " ".join(filter(None, (live.record.problem, rest))), "bad")
        self.unseen_failures += not self.isVisible()
        self._refresh_if_shown()

    def _refresh_if_shown(self) -> None:
        if self.isVisible():
            self.show_rows()
            self.refresh()

    def _announce(self) -> None:
        """Tell of runs that were kept from before, or else of those that were interrupted."""
        count = len(self.held)
        self.held_notice.setVisible(bool(count))
        if count:
            self.held_notice.show_message(
                tr_count(
                    "{count} run was waiting when Hone was closed.",
                    "{count} runs were waiting when Hone was closed.",
                    count,
                ),
                tr("They start once you say so."),
                "accent",
            )
        interrupted = [row for row in self._model.rows if row.entry.status == history.INTERRUPTED and row.live is None]
        is_calm = self.failure_notice.isHidden() and self.deleted_bar.isHidden() and not count
        self.notice.setVisible(bool(interrupted) and is_calm)
        if interrupted and is_calm:
            name = interrupted[0].entry.title
            self.notice.show_message(
                tr("“{name}” was interrupted before the end.", name=name)
                if len(interrupted) == 1
                else tr("{count} runs were interrupted before the end.", count=len(interrupted)),
                tr("Choose it and go on: it continues where it was."),
                "accent",
            )

    def _add_notice_actions(self) -> None:
        start, forget = plain_button(tr("Start them now"), "play"), quiet_button(tr("Forget them"))
        start.clicked.connect(lambda: self.go_on.emit(list(self.held)))
        forget.clicked.connect(self._forget_held)
        self.held_notice.add_action(start)
        self.held_notice.add_action(forget)
        again = plain_button(tr("Run again with a change…"), "reset")
        again.clicked.connect(self._run_failed_again)
        self.failure_notice.add_action(again)

    def _select(self, folders: Sequence[Path]) -> None:
        """Select the rows of these folders, or the first row where none of them is shown."""
        found = [self._model.position(folder) for folder in folders]
        wanted = [n for n in found if n is not None] or ([0] if self._model.rowCount() else [])
        selection = self.table.selectionModel()
        if sorted(index.row() for index in selection.selectedRows()) == sorted(wanted):
            return
        flags = QItemSelectionModel.SelectionFlag
        selection.clear()
        for n in wanted:
            index = self._model.index(n, 0)
            selection.select(index, flags.Select | flags.Rows)
            if n == wanted[0]:
                selection.setCurrentIndex(index, flags.NoUpdate)

    def _build_filters(self) -> QHBoxLayout:
        layout = hbox(gap=8)
        self.search = LineEdit(tr("Search the runs"), tr("Search names, models, tags and notes"))
        self.search.setClearButtonEnabled(True)
        self.group_box, self.method_box = ComboBox(tr("Which runs")), ComboBox(tr("Which method"))
        for key, words in GROUPS.items():
            self.group_box.addItem(words, key)
        self._list_methods([])
        self.search.textChanged.connect(self._narrow)
        self.group_box.currentIndexChanged.connect(self._narrow)
        self.method_box.currentIndexChanged.connect(self._narrow)
        layout.addWidget(self.search, 1)
        layout.addWidget(self.group_box)
        layout.addWidget(self.method_box)
        return layout

    def _list_methods(self, methods: Sequence[str]) -> None:
        chosen = self.method_box.currentData() if self.method_box.count() else ""
        self.method_box.blockSignals(True)
        self.method_box.clear()
        for key, words in (("", tr("All methods")), *((name, name) for name in methods)):
            self.method_box.addItem(words, key)
        self.method_box.setCurrentIndex(max(0, self.method_box.findData(chosen)))
        self.method_box.blockSignals(False)

    def _narrow(self) -> None:
        selected = [row.folder for row in self.selected_rows()]
        self._model.narrow(self.search.text(), self.group_box.currentData(), self.method_box.currentData())
        self._select(selected)
        self._update_buttons()

    def _build_empty_page(self) -> QWidget:
        self.begin = primary_button(tr("Start a new run"), "new")
        self.begin.clicked.connect(self.new_run)
        words = tr("Each run you start is kept here, with its charts, samples and adapter.")
        return make_empty_page("runs", tr("No runs yet"), words, self.begin)

    def _build_buttons(self) -> QHBoxLayout:
        layout = hbox(gap=8)
        self.open_button = primary_button(tr("Open"), "runs")
        self.resume_button = plain_button(tr("Go on with it"), "play")
        self.compare_button = plain_button(tr("Compare"), "compare")
        self.again_button = plain_button(tr("Run again with a change…"), "reset")
        self.more_button = quiet_button(tr("More"), "chevron")
        self._buttons = {
            "open": self.open_button,
            "resume": self.resume_button,
            "compare": self.compare_button,
            "again": self.again_button,
        }
        for key, button in self._buttons.items():
            button.clicked.connect(lambda _=False, key=key: self.carry_out(key))
            layout.addWidget(button)
        self.more_button.clicked.connect(self._show_more)
        layout.addWidget(self.more_button)
        layout.addStretch()
        return layout

    def _show_more(self) -> None:
        menu = self.make_menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.more_button.mapToGlobal(QPoint(0, self.more_button.height())))

    def _update_buttons(self) -> None:
        rows = self.selected_rows()
        actions = {action.key: action for action in list_actions(rows) if action is not None}
        for key, button in self._buttons.items():
            action = actions.get(key, RunAction(key, "", "none"))
            button.setEnabled(not action.reason)
        compare = actions.get("compare")
        self.compare_button.setAccessibleName(compare.text if compare else tr("Compare"))
        self.more_button.setEnabled(bool(rows))
        sentence = rows[0].sentence if len(rows) == 1 else ""
        self._write_reason(
            sentence or (resume_reason(rows[0]) if len(rows) == 1 else ""), "bad" if sentence else "secondary"
        )

    def _show_reason(self, reason: str) -> None:
        self._write_reason(reason, "warn")

    def _write_reason(self, reason: str, tone: str) -> None:
        self._reason.set_tone(tone)
        self._reason.setText(reason)
        self._reason.setToolTip(reason)
        self._reason.setAccessibleName(reason)


def _stop(row: RunRow) -> None:
    if row.live is not None:
        row.live.stop()


def _read_run(row: RunRow) -> Run:
    """The settings of a run in the list. Raises BadOption where they cannot be read."""
    if row.on_disk:
        return Run.read(row.folder / "run.toml")
    if row.live is not None:
        return row.live.run
    if row.held is not None:
        return row.held.run
    return Run.read(row.folder / "run.toml")
