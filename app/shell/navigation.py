"""What leads where in the window: each method shows a page, a step, a window of its own, or says why not."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from app.desktop.language import tr
from app.new_run.draft import Draft
from app.runs.job_queue import JobQueue
from app.runs.labels import data_label
from app.shell import dialogs, recent
from app.shell.incoming import IncomingFiles
from app.shell.menus import Choices
from app.shell.open_runs import OpenRuns
from app.shell.places import Places
from app.widgets.message_box import show_message
from core.errors import UserError
from core.run import Run

if TYPE_CHECKING:  # each is imported when it is made
    from app.pages.compare import ComparePage
    from app.pages.help import HelpWindow
    from app.pages.run import RunPage


class Navigation(QObject):
    """The ways between the pages."""

    def __init__(
        self, window: QMainWindow, stack: Places, draft: Draft, jobs: JobQueue, runs: OpenRuns, incoming: IncomingFiles
    ) -> None:
        super().__init__(window)
        self._window, self._stack, self._draft, self._jobs = window, stack, draft, jobs
        self._runs, self._incoming = runs, incoming
        self.help: HelpWindow | None = None  # built when it is first opened
        self.compare_page: ComparePage | None = None  # as well

    def go(self, place: str) -> None:
        """Show "welcome", "new", "runs", "data" or "chat"."""
        self._stack.setCurrentWidget(self._stack.page(place))

    def begin(self) -> None:
        """A new run: afresh, at the first step. What has been set goes only after a question."""
        if self._draft.run == Run() or self._draft.name:
            self._begin_afresh()
        else:
            dialogs.confirm_begin(self._window, data_label(self._draft.run), self._begin_afresh)

    def _begin_afresh(self) -> None:
        self._draft.take(Run())
        self.show_step("goal")

    def show_step(self, key: str) -> None:
        """A step of New run by its name: "settings"."""
        self.go("new")
        self._stack.wizard.show_named(key)

    def start_draft(self) -> None:
        """Start the new run: through the checks, which start one only where it can succeed."""
        self.show_step("check")
        self._stack.wizard.check.try_start()

    def edit_settings(self, run: Run, name: str = "") -> None:
        """An old run's settings in New run, to train again with a change."""
        self._draft.take(run.replace("output", None), origin=name or data_label(run))
        self.show_step("settings")

    def open_settings(self, path: Path) -> None:
        """The settings of a run.toml in New run."""
        try:
            self.edit_settings(Run.read(path))
        except UserError as error:
            show_message(self._window, tr("These settings cannot be used."), tr(str(error)))

    def use_data(self, run: Run) -> None:
        """Learn from a run's data, by the method that they suit."""
        self._draft.set("method", run.method)
        self._incoming.use_data(run.data.path, run.data.eval_path)

    def choose_data(self) -> None:
        self.show_step("data")
        self._stack.wizard.data.choose()

    def open_run(self, folder: Path) -> None:
        """The run of a folder."""
        if self._show_run(folder) is not None:
            recent.remember(folder)

    def _show_run(self, folder: Path) -> "RunPage | None":
        """The page of a run, which is shown; None where that cannot be, which is said."""
        try:
            return self._runs.show_folder(folder)
        except UserError as error:
            show_message(self._window, tr("This run cannot be opened."), tr(str(error)))
            return None

    def choose_run(self) -> None:
        if folder := dialogs.choose_run_folder(self._window):
            self.open_run(folder)

    def discard(self, folder: Path) -> None:
        """Throw a run away that has ended: on the page of runs, which can take it back."""
        self.go("runs")
        self._stack.runs.discard([folder])

    def use_result(self, folder: Path) -> None:
        """Where a result can go: on its run's page, or in a dialog for an adapter from elsewhere."""
        if not (folder / "run.toml").is_file():
            from app.pages.export_dialog import ExportDialog

            ExportDialog(self._window, self._jobs, folder).open()
            return
        if (page := self._show_run(folder)) is not None:
            page.show_use_it()

    def choose_adapter(self) -> None:
        if folder := dialogs.choose_adapter_folder(self._window):
            self.use_result(folder)

    def chat_with(self, folder: Path) -> None:
        """Talk to the result of a run."""
        self._stack.chat.talk_to(folder)
        self.go("chat")

    def chat_with_adapter(self, folder: Path) -> None:
        """Talk to an adapter from elsewhere."""
        self.go("chat")
        self._stack.chat.model.add_folder(folder)

    def compare(self, folders: list[Path]) -> None:
        """Runs beside each other."""
        if self.compare_page is None:
            from app.pages.compare import ComparePage

            self.compare_page = ComparePage()
            self.compare_page.back.connect(lambda: self.go("runs"))
            self.compare_page.open_run.connect(self.open_run)
            self._stack.addWidget(self.compare_page)
        self.compare_page.show_folders(folders)
        self._stack.setCurrentWidget(self.compare_page)

    def show_settings(self, choices: Choices) -> None:
        from app.new_run.token_dialog import TokenDialog
        from app.pages.settings import SettingsWindow

        open_one = self._window.findChild(SettingsWindow)
        if open_one is not None:
            open_one.raise_()
            open_one.activateWindow()
            return
        settings = SettingsWindow(self._draft.run.model.path, choices, self._window)
        settings.machines_changed.connect(self._stack.wizard.check.show_machines)
        settings.general.token_wanted.connect(lambda: TokenDialog(settings).open())
        settings.general.models_wanted.connect(lambda: self._stack.wizard.model.show_downloads(settings))
        settings.finished.connect(settings.deleteLater)
        settings.show()

    def show_help(self, page: str = "") -> None:
        """The help, at one of its pages: "methods.md"."""
        if self.help is None:
            from app.pages.help import HelpWindow

            self.help = HelpWindow(self._window)
        if page:
            self.help.show_page(page)
        self.help.show()
        self.help.raise_()
