"""The main window: the sidebar, the pages, and the connections between them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from app.desktop import preferences
from app.desktop.language import tr, tr_count
from app.new_run.draft import Draft
from app.runs import status_text
from app.runs.job_queue import JobQueue
from app.runs.labels import data_label
from app.shell import dialogs, recent
from app.shell.attention import Attention
from app.shell.closing import Closing
from app.shell.incoming import IncomingFiles
from app.shell.menus import MenuBar
from app.shell.open_runs import OpenRuns
from app.shell.places import Places
from app.shell.queue_keeper import QueueKeeper
from app.shell.run_requests import RunRequests
from app.shell.sidebar import PLACES, Sidebar
from app.shell.updates import UpdateNotice
from app.shell.warm_up import warm_up
from app.style import icons
from app.threads import gc, task
from app.threads.throttle import Throttle
from app.widgets.card import hbox
from app.widgets.drop_overlay import DropOverlay
from core.data.read.files import split_paths
from core.errors import UserError
from core.run import Run

if TYPE_CHECKING:  # each is imported when it is made
    from app.new_run.welcome import WelcomePage
    from app.new_run.wizard import Wizard
    from app.pages.chat import ChatPage
    from app.pages.compare import ComparePage
    from app.pages.datasets import DatasetsPage
    from app.pages.help import HelpWindow
    from app.pages.runs import RunsPage

_TITLE_BAR = 40  # pixels that a desktop puts around a window count as well
_COLLECT_MS = 1000  # after a run its page is drawn before garbage is collected
# After the window is first drawn, however long that takes: what comes then would only hold it up.
_REST_MS = 20  # the machine's facts, which import MLX, the interrupted runs and the steps of a new run
_WARM_UP_MS = 1500
_PREPARE_MS = 3000  # after a run its page is read first; then the charts of the next one are made
_PROGRESS_MS = 250


class MainWindow(QMainWindow):
    """Builds the parts of the window and connects them; each part does its own work."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Hone")
        self.setWindowIcon(icons.app_icon())
        self.setMinimumSize(900, 600)
        available = self.screen().availableSize() - QSize(0, _TITLE_BAR)
        self.resize(QSize(1280, 800).boundedTo(available).expandedTo(self.minimumSize()))
        self.setAcceptDrops(True)
        self._help: HelpWindow | None = None  # built when it is first opened
        self.compare_page: ComparePage | None = None  # as well
        self.threads_ended = True  # whether every thread had ended when the window closed
        self.draft, self.jobs = Draft(self), JobQueue(self)
        self.sidebar, self.stack = Sidebar(), Places(self.draft, self.jobs)
        self.runs = OpenRuns(self.jobs, self.stack, self)
        self.requests = RunRequests(self.runs, self)
        self.queue = QueueKeeper(self.jobs, self.runs, self)
        central = QWidget()
        layout = hbox(central, gap=0)
        layout.addWidget(self.sidebar)
        layout.addWidget(self.stack, 1)
        self.setCentralWidget(central)
        self.overlay = DropOverlay(central)
        self.incoming = IncomingFiles(self.draft, self.overlay, self)
        self.closing, self.attention = Closing(self, self.jobs, self.quit), Attention(self)
        self.menus = self._build_menus()
        self._connect()
        if geometry := preferences.geometry():
            self.restoreGeometry(geometry)
        self.go("welcome")
        self._update_current()
        self._show_queue()
        self.updates = UpdateNotice(self, self.sidebar, self.jobs)
        self._is_drawn = False

    @property
    def welcome(self) -> "WelcomePage":
        return self.stack.welcome

    @property
    def wizard(self) -> "Wizard":
        return self.stack.wizard

    @property
    def runs_page(self) -> "RunsPage":
        return self.stack.runs

    @property
    def datasets_page(self) -> "DatasetsPage":
        return self.stack.datasets

    @property
    def chat_page(self) -> "ChatPage":
        return self.stack.chat

    def go(self, place: str) -> None:
        """Show "welcome", "new", "runs", "data" or "chat"."""
        self.stack.setCurrentWidget(self.stack.page(place))

    def open_files(self, files: list[Path]) -> None:
        """Open each file or folder by its kind."""
        self.incoming.open(files)

    def open_recent(self, path: Path) -> None:
        """Open what was chosen under File > Open recent; what is gone is told and leaves the list."""
        if path.exists():
            self.open_files([path])
            return
        recent.forget(path)
        sentence = tr("It was moved or deleted since. It lay in {folder}.", folder=path.parent)
        dialogs.show_message(self, tr("{name} is not there any more.", name=path.name), sentence)

    def open_run(self, folder: Path) -> None:
        """Show the run of a folder, or a message that says why that is not possible."""
        try:
            self.runs.show_folder(folder)
            recent.remember(folder)
        except UserError as error:
            dialogs.show_message(self, tr("This run cannot be opened."), tr(str(error)))

    def paste(self) -> None:
        """Open what is on the clipboard; a dataset's id only while the step that chooses data is shown."""
        self.incoming.paste(accept_ids=self.wizard.data.isVisible())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._is_drawn:
            self._is_drawn = True
            QTimer.singleShot(_REST_MS, self, self._go_on)
            QTimer.singleShot(_WARM_UP_MS, self, self.queue.ask)
            QTimer.singleShot(_WARM_UP_MS, self, self._warm_up)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.incoming.drag_enter(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self.incoming.drag_move(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.incoming.drop(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.closing.may_close():
            event.ignore()
            return
        preferences.set_geometry(self.saveGeometry())
        self.draft.save()
        self.queue.close()
        self.threads_ended = self.jobs.shut_down() and task.cancel_all()
        event.accept()
        if self.isHidden():  # then no last window closes, which ends the program otherwise
            QTimer.singleShot(0, QApplication.quit)

    def quit(self) -> None:
        """Close without asking, as soon as the current run has saved its adapter."""
        self.closing.is_agreed = True
        if self.jobs.current is None:
            self.close()
            return
        self.overlay.announce(tr("Saving what it has learned…"), True)
        self.jobs.stop_all()

    def ask_to_quit(self) -> bool:
        """Close, unless a run trains: then the person is asked. Returns whether the window is closed."""
        return self.closing.may_quit() and self.close()

    def _go_on(self) -> None:
        """Begin what the window can be drawn without."""
        self.welcome.machine.look()
        self.welcome.interrupted.look()
        self.stack.make_all(lambda: self.wizard.build_next())

    def _warm_up(self) -> None:
        task.Task(self, warm_up, self._warmed_up)

    def _warmed_up(self, _: object) -> None:
        self.runs.prepare()
        self.jobs.current_changed.connect(lambda: QTimer.singleShot(_PREPARE_MS, self, self.runs.prepare))
        gc.freeze_startup_objects()

    def _build_menus(self) -> MenuBar:
        return MenuBar(
            self,
            {
                **{place: partial(self.go, place) for place, *_ in PLACES},
                "begin": self._begin,
                "open_data": self._choose_data,
                "open_run": self._choose_run,
                "use_adapter": self._choose_adapter,
                "paste": self.paste,
                "start": self._start_draft,
                "stop": self.runs.stop_current,
                "pause": self.runs.pause_current,
                "checkpoint": self.runs.checkpoint_current,
                "help": self._show_help,
                "settings": self.show_settings,
                "logs": dialogs.show_log_folder,
                "updates": lambda: self.updates.switch(),
                "about": partial(dialogs.show_about, self),
                "quit": self.ask_to_quit,
            },
            self.open_recent,
        )

    def _connect(self) -> None:
        self.incoming.step_changed.connect(self._show_step)
        self.incoming.run_opened.connect(self.open_run)
        self.incoming.settings_opened.connect(self._open_settings)
        self.incoming.adapter_opened.connect(self._chat_with_adapter)
        self.incoming.refused.connect(partial(dialogs.show_message, self))
        self.sidebar.chosen.connect(self.go)
        self.sidebar.run_clicked.connect(self.runs.show_current)
        self.stack.made.connect(self._connect_page)
        self.stack.currentChanged.connect(self._mark_place)
        self.draft.changed.connect(self._note_data)
        self.queue.changed.connect(self._show_queue)
        self.jobs.queue_changed.connect(self._show_queue)
        self.runs.train_again.connect(self._edit_settings)
        self.runs.discarded.connect(self._discard)
        self.runs.chat.connect(self._chat_with)
        self.requests.started.connect(lambda: self.wizard.check.forget_answers())
        self.runs.trained.connect(lambda folder: self.chat_page.offer(folder))
        self.runs.ended.connect(self.attention.tell_end)
        self.runs.ended.connect(lambda live: recent.remember(live.run.output or ""))
        self.jobs.current_changed.connect(self._update_current)
        self.jobs.current_changed.connect(self._free_memory)
        self._update_progress = Throttle(self._show_progress, _PROGRESS_MS, self)
        self.runs.progressed.connect(self._update_progress)

    def _connect_page(self, key: str) -> None:
        """Connect the page of a place, which has just been made."""
        if key == "welcome":
            self.welcome.demo.connect(self.requests.start)
            self.welcome.own_data.connect(self._choose_data)
            self.welcome.open_run.connect(self._choose_run)
            self.welcome.interrupted.resume.connect(self.requests.resume)
        elif key == "new":
            self.wizard.start.connect(self.requests.start)
            self.wizard.show_methods.connect(lambda: self._show_help("methods.md"))
            self.wizard.show_data_help.connect(lambda: self._show_help("data.md"))
        elif key == "data":
            self.datasets_page.use.connect(self._use_data)
            self.datasets_page.choose_data.connect(self._choose_data)
            self.datasets_page.show_help.connect(lambda: self._show_help("data.md"))
        elif key == "chat":
            self.chat_page.use_it.connect(self._use_result)
        elif key == "runs":
            page = self.runs_page
            page.held = self.queue.held
            self.jobs.run_failed.connect(self._show_queue)  # after the page has counted it
            page.open_run.connect(self.open_run)
            page.use_it.connect(self._use_result)
            page.resume.connect(self.requests.resume)
            page.new_run.connect(lambda: self.go("new"))
            page.run_again.connect(self._edit_settings)
            page.compare.connect(self._compare)
            page.deleted.connect(self._close_pages)
            page.go_on.connect(self.queue.go_on)
            page.forget.connect(self.queue.forget)
            page.seen.connect(self._show_queue)
            page.choose_folder.connect(self._choose_run)

    def _begin(self) -> None:
        """File > New run: afresh, at the first step. What has been set goes only after a question."""
        if self.draft.run == Run() or self.draft.name:
            self._begin_afresh()
        else:
            dialogs.confirm_begin(self, data_label(self.draft.run), self._begin_afresh)

    def _begin_afresh(self) -> None:
        self.draft.take(Run())
        self._show_step("goal")

    def _start_draft(self) -> None:
        """Run > Start: through the checks, which start a run only where it can succeed."""
        self._show_step("check")
        self.wizard.check.try_start()

    def _chat_with(self, folder: Path) -> None:
        self.chat_page.talk_to(folder)
        self.go("chat")

    def _chat_with_adapter(self, folder: Path) -> None:
        self.go("chat")
        self.chat_page.model.add_folder(folder)

    def _discard(self, folder: Path) -> None:
        """Throw a run away that has ended: on the page of runs, which can take it back."""
        self.go("runs")
        self.runs_page.discard(folder)

    def _edit_settings(self, run: Run, name: str = "") -> None:
        """Show an old run's settings in New run, to train again with a change."""
        self.draft.take(run.replace("output", None), origin=name or data_label(run))
        self._show_step("settings")

    def _show_step(self, key: str) -> None:
        self.go("new")
        self.wizard.show_named(key)

    def _open_settings(self, path: Path) -> None:
        try:
            self._edit_settings(Run.read(path))
        except UserError as error:
            dialogs.show_message(self, tr("These settings cannot be used."), tr(str(error)))

    def _use_data(self, run: Run) -> None:
        """Learn from a run's data, by the method that they suit."""
        self.draft.set("method", run.method)
        self.incoming.use_data(run.data.path, run.data.eval_path)

    def _choose_data(self) -> None:
        self._show_step("data")
        self.wizard.data.choose()

    def _choose_run(self) -> None:
        if folder := dialogs.choose_run_folder(self):
            self.open_run(folder)

    def _choose_adapter(self) -> None:
        if folder := dialogs.choose_adapter_folder(self):
            self._use_result(folder)

    def _use_result(self, folder: Path) -> None:
        """Show where a result can go: on its run's page, or in a dialog for an adapter from elsewhere."""
        if not (folder / "run.toml").is_file():
            from app.pages.export_dialog import ExportDialog

            ExportDialog(self, self.jobs, folder).open()
            return
        try:
            self.runs.show_folder(folder).show_use_it()
        except UserError as error:
            dialogs.show_message(self, tr("This run cannot be opened."), tr(str(error)))

    def _mark_place(self) -> None:
        """Mark the place in the sidebar that the shown page belongs to."""
        self.sidebar.choose(self.stack.shown() or "runs")
        self._show_file()

    def _note_data(self, key: str) -> None:
        """Remember the data of the new run among what was opened, and show them in the title bar."""
        if key in ("", "data.path"):
            for path in split_paths(self.draft.run.data.path):
                recent.remember(path)
            self._show_file()

    def _show_file(self) -> None:
        """The file that the shown page is about: on a Mac its icon stands in the title bar, and leads to its folder."""
        page = self.stack.currentWidget()
        path = self.draft.run.data.path if self.stack.shown() == "new" else str(getattr(page, "folder", ""))
        self.setWindowFilePath(path if Path(path).is_absolute() else "")

    def _update_current(self) -> None:
        """Show that another run, or none, is training; close the window where it only waited for the run."""
        if self.closing.is_agreed and self.jobs.current is None:
            QTimer.singleShot(0, self, self.close)
            return
        is_running = self.jobs.current is not None
        if is_running:
            self.stack.page("runs")  # which counts the runs that fail
        self.menus.actions.stop.setEnabled(is_running)
        self.menus.actions.pause.setEnabled(is_running)
        self.menus.actions.checkpoint.setEnabled(is_running)
        self._show_progress()

    def _compare(self, folders: list[Path]) -> None:
        """Show runs beside each other, on a page that is made when it is first asked for."""
        if self.compare_page is None:
            from app.pages.compare import ComparePage

            self.compare_page = ComparePage()
            self.compare_page.back.connect(lambda: self.go("runs"))
            self.compare_page.open_run.connect(self.open_run)
            self.stack.addWidget(self.compare_page)
        self.compare_page.show_folders(folders)
        self.stack.setCurrentWidget(self.compare_page)

    def _close_pages(self, folders: list[Path]) -> None:
        """Close the pages of runs that were deleted."""
        for folder in folders:
            self.runs.forget(folder)

    def _show_queue(self) -> None:
        """Show in the sidebar how many runs have failed unseen, or else how many wait; and in the list which."""
        failed = 0
        if self.stack.has("runs"):
            self.runs_page.held = self.queue.held
            if self.runs_page.isVisible():
                self.runs_page.refresh()
            failed = self.runs_page.unseen_failures
        waiting = len(self.jobs.waiting_runs) + len(self.queue.held)
        if failed:
            meaning = tr_count("{count} run failed", "{count} runs failed", failed)
            self.sidebar.mark("runs", f"{failed}", "bad", meaning)
        else:
            meaning = tr_count("{count} run waits", "{count} runs wait", waiting) if waiting else ""
            self.sidebar.mark("runs", f"{waiting}" if waiting else "", "secondary", meaning)

    def _free_memory(self) -> None:
        """Give back the memory of the last run a moment after it has finished."""
        if self.jobs.current is None:
            QTimer.singleShot(_COLLECT_MS, self, gc.collect_all)

    def _show_progress(self) -> None:
        live, unseen = self.jobs.current, self.runs.unseen_run
        self.attention.show_progress(live)
        if live is None and unseen is not None:
            self.sidebar.show_run(status_text.headline(unseen.record), data_label(unseen.run), 1.0)
            return
        if live is None:
            self.sidebar.hide_run()
            return
        seconds = live.record.seconds_left()
        step = status_text.progress(live.record).partition(" · ")[0]
        detail = (
            tr("{step}, {duration} left", step=step, duration=status_text.format_duration(seconds))
            if seconds is not None
            else step
        )
        self.sidebar.show_run(status_text.headline(live.record), detail, live.record.fraction)

    def show_settings(self) -> None:
        """Open the settings."""
        from app.pages.settings import SettingsWindow

        settings = SettingsWindow(self.draft.run.model.path, self)
        settings.machines_changed.connect(self.wizard.check.show_machines)
        settings.finished.connect(settings.deleteLater)
        settings.show()

    def _show_help(self, page: str = "") -> None:
        if self._help is None:
            from app.pages.help import HelpWindow

            self._help = HelpWindow(self)
        if page:
            self._help.show_page(page)
        self._help.show()
        self._help.raise_()
