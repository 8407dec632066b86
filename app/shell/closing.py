"""Closing the window and quitting while a run trains: a Mac keeps it in the Dock, elsewhere Hone asks once. While a
result is being saved it asks everywhere."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMainWindow

from app.runs.job_queue import JobQueue
from app.shell import dialogs
from app.style import theme


class Closing(QObject):
    """Decides whether the window may close. `stop_and_quit` is called where the person says that the run may stop."""

    def __init__(self, window: QMainWindow, jobs: JobQueue, stop_and_quit: Callable[[], None]) -> None:
        super().__init__(window)
        self._window, self._jobs, self._stop_and_quit = window, jobs, stop_and_quit
        self._is_asking = False
        self.is_agreed = False  # the run may stop: nothing more is asked
        self.keeps_in_dock = theme.NATIVE
        QGuiApplication.instance().applicationStateChanged.connect(self._come_back)  # type: ignore[union-attr]

    def may_close(self) -> bool:
        """Whether the window may close and Hone end. During a run the window hides, or the person is asked."""
        if self._jobs.current is None or self.is_agreed:
            return self._may_end_export()
        if self.keeps_in_dock:
            QApplication.setQuitOnLastWindowClosed(False)
            self._window.hide()
        else:
            self._ask(can_keep=True)
        return False

    def may_quit(self) -> bool:
        """Whether Hone may end; during a run, or while a result is being saved, the person is asked."""
        if self._jobs.current is None or self.is_agreed:
            return self._may_end_export()
        self.show_window()
        self._ask(can_keep=not self.keeps_in_dock)
        return False

    def show_window(self) -> None:
        """Bring the window back where it is hidden."""
        if self._window.isHidden():
            QApplication.setQuitOnLastWindowClosed(True)
            self._window.show()
            self._window.raise_()

    def _may_end_export(self) -> bool:
        """Whether no result is being saved, or the person has agreed that it ends; they are asked else."""
        if self._jobs.export is None or self.is_agreed:
            return True
        self.show_window()
        if not self._is_asking:
            self._is_asking = True
            dialogs.ask_to_stop_export(self._window, self._answer)
        return False

    def _ask(self, can_keep: bool) -> None:
        if self._is_asking:
            return
        self._is_asking = True
        dialogs.ask_to_stop(self._window, can_keep, self._answer)

    def _answer(self, answer: str) -> None:
        self._is_asking = False
        if answer == dialogs.STOP:
            self._stop_and_quit()
        elif answer == dialogs.KEEP:
            self._window.showMinimized()

    def _come_back(self, state: Qt.ApplicationState) -> None:
        """Hone is in front: a click on its icon in the Dock, which has no other sign, or a switch to it."""
        if state == Qt.ApplicationState.ApplicationActive and self.keeps_in_dock and self._jobs.current is not None:
            self.show_window()
