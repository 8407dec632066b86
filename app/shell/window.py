"""The main window: the sidebar, the pages, and the connections between them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from app.desktop import preferences
from app.desktop.language import tr
from app.new_run.draft import Draft
from app.runs.job_queue import JobQueue
from app.shell import dialogs, recent
from app.shell.attention import Attention
from app.shell.closing import Closing
from app.shell.incoming import IncomingFiles
from app.shell.menus import MenuBar
from app.shell.navigation import Navigation
from app.shell.open_runs import OpenRuns
from app.shell.page_connections import PageConnections
from app.shell.places import Places
from app.shell.queue_keeper import QueueKeeper
from app.shell.run_requests import RunRequests
from app.shell.run_status import RunStatus
from app.shell.sidebar import PLACES, Sidebar
from app.shell.start_up import StartUp
from app.shell.updates import UpdateNotice
from app.style import icons
from app.threads import gc, task
from app.widgets.card import hbox
from app.widgets.drop_overlay import DropOverlay
from app.widgets.message_box import show_message
from app.widgets.tab_order import TabOrder
from core.data.read.files import split_paths

if TYPE_CHECKING:  # each is imported when it is made
    from app.new_run.welcome import WelcomePage
    from app.new_run.wizard import Wizard
    from app.pages.chat import ChatPage
    from app.pages.datasets import DatasetsPage
    from app.pages.runs import RunsPage

_TITLE_BAR = 40  # pixels that a desktop puts around a window count as well
_COLLECT_MS = 1000  # after a run its page is drawn before garbage is collected


class MainWindow(TabOrder, QMainWindow):
    """Builds the parts of the window and connects them; each part does its own work."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Hone[*]")
        self.setWindowIcon(icons.app_icon())
        self.setMinimumSize(900, 600)
        available = self.screen().availableSize() - QSize(0, _TITLE_BAR)
        self.resize(QSize(1280, 800).boundedTo(available).expandedTo(self.minimumSize()))
        self.setAcceptDrops(True)
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
        self.navigation = Navigation(self, self.stack, self.draft, self.jobs, self.runs, self.incoming)
        self.closing, self.attention = Closing(self, self.jobs, self.quit), Attention(self)
        self.status = RunStatus(self.sidebar, self.attention, self.stack, self.jobs, self.runs, self.queue, parent=self)
        self.pages = PageConnections(
            self.stack, self.navigation, self.jobs, self.runs, self.requests, self.queue, self.status
        )
        self.start_up = StartUp(self.stack, self.jobs, self.runs, self.queue, self)
        self.menus = self._build_menus()
        self._connect()
        if geometry := preferences.geometry():
            self.restoreGeometry(geometry)
        self.go("welcome")
        self._update_current()
        self.status.show_queue()
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
        self.navigation.go(place)

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
        show_message(self, tr("{name} is not there any more.", name=path.name), sentence)

    def open_run(self, folder: Path) -> None:
        """Show the run of a folder, or a message that says why that is not possible."""
        self.navigation.open_run(folder)

    def paste(self) -> None:
        """Open what is on the clipboard; a dataset's id only while the step that chooses data is shown."""
        self.incoming.paste(accept_ids=self.wizard.data.isVisible())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._is_drawn:
            self._is_drawn = True
            self.start_up.begin()

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

    def _build_menus(self) -> MenuBar:
        ways = self.navigation
        return MenuBar(
            self,
            {
                **{place: partial(ways.go, place) for place, *_ in PLACES},
                "begin": ways.begin,
                "open_data": ways.choose_data,
                "open_run": ways.choose_run,
                "use_adapter": ways.choose_adapter,
                "paste": self.paste,
                "start": ways.start_draft,
                "stop": self.runs.stop_current,
                "pause": self.runs.pause_current,
                "checkpoint": self.runs.checkpoint_current,
                "help": ways.show_help,
                "settings": lambda: ways.show_settings(self.menus.read_choices()),
                "logs": dialogs.show_log_folder,
                "updates": lambda: self.updates.switch(),
                "about": partial(dialogs.show_about, self),
                "quit": self.ask_to_quit,
            },
            self.open_recent,
        )

    def _connect(self) -> None:
        ways = self.navigation
        self.incoming.step_changed.connect(ways.show_step)
        self.incoming.run_opened.connect(ways.open_run)
        self.incoming.settings_opened.connect(ways.open_settings)
        self.incoming.adapter_opened.connect(ways.chat_with_adapter)
        self.incoming.refused.connect(partial(show_message, self))
        self.sidebar.chosen.connect(ways.go)
        self.sidebar.run_clicked.connect(self.runs.show_current)
        self.stack.made.connect(self.pages.connect_page)
        self.stack.currentChanged.connect(self._mark_place)
        self.draft.changed.connect(self._note_data)
        self.runs.train_again.connect(ways.edit_settings)
        self.runs.discarded.connect(ways.discard)
        self.runs.chat.connect(ways.chat_with)
        self.requests.started.connect(lambda: self.wizard.check.forget_answers())
        self.runs.trained.connect(lambda folder: self.chat_page.offer(folder))
        self.runs.ended.connect(self.attention.tell_end)
        self.runs.ended.connect(lambda live: recent.remember(live.run.output or ""))
        self.jobs.current_changed.connect(self._update_current)
        self.menus.run_menu.aboutToShow.connect(self._explain_run_actions)
        self.menus.run_menu.aboutToHide.connect(lambda: QTimer.singleShot(0, self, self._enable_run_actions))
        self.jobs.current_changed.connect(self._free_memory)

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
        self._enable_run_actions()
        self.status.show_soon()

    def _enable_run_actions(self) -> None:
        """Give the keys of the Run menu to the run in training, which takes what it can use."""
        for action in self.menus.actions.of_runs:
            action.setEnabled(self.jobs.current is not None)

    def _explain_run_actions(self) -> None:
        """Grey what the run in training cannot do now while its menu is open, with the reason."""
        for action, reason in zip(self.menus.actions.of_runs, self.runs.current_reasons(), strict=True):
            action.setEnabled(not reason)
            action.setToolTip(reason or action.text().replace("&", ""))

    def _free_memory(self) -> None:
        """Give back the memory of the last run a moment after it has finished."""
        if self.jobs.current is None:
            QTimer.singleShot(_COLLECT_MS, self, gc.collect_all)
