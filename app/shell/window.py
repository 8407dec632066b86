"""The main window: the sidebar, the pages, and who talks to whom."""

from pathlib import Path

from PySide6.QtCore import QSize, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QStackedWidget, QWidget

import core
from app.desktop import preferences, reveal
from app.new_run.draft import Draft
from app.new_run.wizard import Wizard
from app.pages.chat import ChatPage
from app.pages.help import HelpWindow
from app.pages.runs import RunsPage
from app.runs import status_text
from app.runs.job_queue import Jobs
from app.runs.labels import shown_data
from app.shell.incoming import Incoming
from app.shell.menus import Menus
from app.shell.open_runs import Runs
from app.shell.sidebar import Sidebar
from app.shell.warm_up import warm_up
from app.style import icons
from app.threads import crash_report, gc, task
from app.threads.throttle import Throttle
from app.widgets.card import row
from app.widgets.drop_overlay import DropOverlay
from core.errors import UserError
from core.run import Run, runs_folder

_TITLE_BAR = 40  # what a desktop puts around a window counts as well
_REST_MS = 1000  # after a run its page is drawn first
_WARM_MS = 1500
_LOOK_MS = 60  # after the first picture: what imports MLX waits until the window stands


class MainWindow(QMainWindow):
    """Puts the parts together; each part does its own work."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Hone")
        self.setWindowIcon(icons.app_icon())
        self.setMinimumSize(900, 600)
        room = self.screen().availableSize() - QSize(0, _TITLE_BAR)
        self.resize(QSize(1280, 800).boundedTo(room).expandedTo(self.minimumSize()))
        self.setAcceptDrops(True)
        self._help: HelpWindow | None = None  # made when first asked for
        self._leaving = False  # the person has said yes to closing
        self.ended = True  # whether every thread had ended when the window closed
        self.draft, self.jobs = Draft(self), Jobs(self)
        self.sidebar, self.stack = Sidebar(), QStackedWidget()
        self.wizard, self.runs_page, self.chat_page = Wizard(self.draft, self.jobs), RunsPage(), ChatPage(self.jobs)
        self.runs = Runs(self.jobs, self.stack, self)
        self._places = {"new": self.wizard, "runs": self.runs_page, "chat": self.chat_page}
        for page in self._places.values():
            self.stack.addWidget(page)
        central = QWidget()
        layout = row(central, gap=0)
        layout.addWidget(self.sidebar)
        layout.addWidget(self.stack, 1)
        self.setCentralWidget(central)
        self.overlay = DropOverlay(central)
        self.incoming = Incoming(self.draft, self.overlay, self)
        self.menus = Menus(
            self,
            {
                "new": lambda: self.go("new"),
                "runs": lambda: self.go("runs"),
                "chat": lambda: self.go("chat"),
                "open_data": self._choose_data,
                "open_run": self._choose_run,
                "paste": self.paste,
                "start": self._start_draft,
                "stop": self.runs.stop_current,
                "checkpoint": self.runs.checkpoint_current,
                "help": self._show_help,
                "logs": self._show_logs,
                "about": self._about,
            },
        )
        self._connect()
        if geometry := preferences.geometry():
            self.restoreGeometry(geometry)
        self._mark_place()
        self._show_current()
        QTimer.singleShot(_LOOK_MS, self.wizard.goal.machine.look)
        QTimer.singleShot(_WARM_MS, self, lambda: task.Task(self, warm_up, lambda _: gc.settle()))

    def go(self, place: str) -> None:
        """Show "new", "runs" or "chat"."""
        self.stack.setCurrentWidget(self._places[place])

    def open_files(self, files: list[Path]) -> None:
        """Do with each file or folder what it means."""
        self.incoming.open(files)

    def open_run(self, folder: Path) -> None:
        """Show a run from its folder, or say why that is not possible."""
        try:
            self.runs.show_folder(folder)
        except UserError as error:
            self._tell("This run cannot be opened.", str(error))

    def paste(self) -> None:
        """Take in what is on the clipboard; a dataset's id only where data is chosen."""
        self.incoming.paste(ids=self.wizard.data.isVisible())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.incoming.enter(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self.incoming.move(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.incoming.drop(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        live = self.jobs.current
        if live is not None and not self._leaving:
            event.ignore()
            if self._may_stop():
                self.leave()
            return
        preferences.set_geometry(self.saveGeometry())
        self.draft.save()
        self.ended = self.jobs.end_all() and task.end_all()
        event.accept()

    def leave(self) -> None:
        """Close without asking, as soon as the run under way has saved what it learned."""
        self._leaving = True
        if self.jobs.current is None:
            self.close()
            return
        self.overlay.announce("Saving what it has learned…", True)
        self.jobs.stop_all()

    def _connect(self) -> None:
        self.incoming.step.connect(self._show_step)
        self.incoming.run.connect(self.open_run)
        self.incoming.toml.connect(self._take_settings)
        self.incoming.refused.connect(self._tell)
        self.sidebar.chosen.connect(self.go)
        self.sidebar.run_clicked.connect(self.runs.show_current)
        self.stack.currentChanged.connect(self._mark_place)
        self.wizard.start.connect(self._start)
        self.wizard.demo.connect(self._start)
        self.wizard.open_run.connect(self._choose_run)
        self.runs_page.open_run.connect(self.open_run)
        self.runs_page.resume.connect(self._resume)
        self.runs_page.new_run.connect(lambda: self.go("new"))
        self.runs_page.choose.connect(self._choose_run)
        self.runs.again.connect(self._again)
        self.runs.resume.connect(self._resume)
        self.jobs.current_changed.connect(self._show_current)
        self.jobs.current_changed.connect(self._tidy)
        self._show_progress = Throttle(self._draw_progress, 250, self)
        self.runs.progressed.connect(self._show_progress)

    def _start(self, run: Run) -> None:
        self.runs.start(run)
        self.wizard.check.forget_answers()

    def _start_draft(self) -> None:
        """Run > Start: through the checks, which start nothing that cannot be."""
        self._show_step("Check and start")
        self.wizard.check.try_start()

    def _resume(self, folder: Path) -> None:
        try:
            self.runs.go_on(folder)
        except UserError as error:
            self._tell("This run cannot go on.", str(error))

    def _again(self, run: Run) -> None:
        self.draft.take(run.replace("output", None))
        self._show_step("Settings")

    def _show_step(self, name: str) -> None:
        self.go("new")
        self.wizard.show_named(name)

    def _take_settings(self, path: Path) -> None:
        try:
            self.draft.take(Run.read(path).replace("output", None))
        except UserError as error:
            self._tell("These settings cannot be used.", str(error))
            return
        self._show_step("Settings")

    def _choose_data(self) -> None:
        self._show_step("Data")
        self.wizard.data.choose()

    def _choose_run(self) -> None:
        start = str(runs_folder()) if runs_folder().is_dir() else preferences.last_folder()
        folder = QFileDialog.getExistingDirectory(self, "Choose a run's folder", start)
        if folder:
            self.open_run(Path(folder))

    def _mark_place(self) -> None:
        shown = self.stack.currentWidget()
        self.sidebar.choose(next((key for key, page in self._places.items() if page is shown), "runs"))

    def _show_current(self) -> None:
        """Another run, or none, is under way."""
        if self._leaving and self.jobs.current is None:
            QTimer.singleShot(0, self, self.close)
            return
        running = self.jobs.current is not None
        self.menus.actions.stop.setEnabled(running)
        self.menus.actions.checkpoint.setEnabled(running)
        self.runs_page.here = {Path(self.jobs.current.run.output or "")} if self.jobs.current else set()
        if self.runs_page.isVisible():
            self.runs_page.look()
        self._draw_progress()

    def _tidy(self) -> None:
        """Nothing runs any more: give back what the run has held."""
        if self.jobs.current is None:
            QTimer.singleShot(_REST_MS, self, gc.collect_all)

    def _draw_progress(self) -> None:
        live = self.jobs.current
        if live is None and self.runs.unseen is not None:
            self.sidebar.show_run(status_text.headline(self.runs.unseen.record), shown_data(self.runs.unseen.run), 1.0)
            return
        if live is None:
            self.sidebar.hide_run()
            return
        left = live.record.seconds_left()
        step = status_text.progress(live.record).partition(" · ")[0]
        detail = f"{step}, {status_text.format_duration(left)} left" if left is not None else step
        self.sidebar.show_run(status_text.headline(live.record), detail, live.record.fraction)

    def _may_stop(self) -> bool:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Hone")
        box.setText("A run is training.")
        box.setInformativeText("Stop it and quit? What it has learned is saved, and you can go on with it later.")
        stop = box.addButton("Stop, save and quit", QMessageBox.ButtonRole.AcceptRole)
        stay = box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.exec()
        return box.clickedButton() is stop

    def _tell(self, heading: str, sentence: str) -> None:
        box = QMessageBox(QMessageBox.Icon.Information, "Hone", heading, QMessageBox.StandardButton.Ok, self)
        box.setInformativeText(sentence)
        box.open()

    def _show_help(self) -> None:
        if self._help is None:
            self._help = HelpWindow(self)
        self._help.show()
        self._help.raise_()

    def _show_logs(self) -> None:
        crash_report.log_folder().mkdir(parents=True, exist_ok=True)
        reveal.reveal(crash_report.log_folder())

    def _about(self) -> None:
        words = f"<b>Hone {core.__version__}</b><p>Teach a language model something on your own Mac.</p>"
        QMessageBox.about(self, "About Hone", words)
