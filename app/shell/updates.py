"""Looking for a newer Hone while the window is open, and the small button in the sidebar that tells of one."""

from PySide6.QtCore import QObject, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.runs.job_queue import JobQueue
from app.shell.sidebar import Sidebar
from app.threads.task import Task
from app.widgets.message_box import MessageBox, Role

_FIRST_LOOK_MS = 5000  # the person's own first clicks come before
_LOOK_MS = 60 * 60 * 1000  # whether a day has gone by


def are_wanted() -> bool:
    """Whether the person wants to be told of newer versions."""
    from core import update_check  # brings in urllib, which nothing needs before the window stands

    return update_check.read_updates().wanted


class UpdateNotice(QObject):
    """Asks at most once a day, never while a run trains, and shows what it finds in the sidebar."""

    def __init__(self, window: QWidget, sidebar: Sidebar, jobs: JobQueue) -> None:
        super().__init__(window)
        self._window, self._sidebar, self._jobs = window, sidebar, jobs
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        sidebar.update_clicked.connect(self.show_notes)
        QTimer.singleShot(_FIRST_LOOK_MS, self, self.look)

    def look(self) -> None:
        """Show what is known, and ask where it is time to."""
        from core import update_check

        self._show()
        if self._jobs.current is None and update_check.is_due():
            Task(self, update_check.ask, lambda _: self._show())

    def switch(self) -> None:
        """Help > Look for updates once a day: on where it is off, off where it is on."""
        from core import update_check

        update_check.want_updates(not are_wanted())
        self.look()

    def show_notes(self) -> None:
        """What the newer version brings, and the way to it."""
        from core import update_check

        updates = update_check.read_updates()
        box = MessageBox(
            self._window,
            tr("Hone {version} is available.", version=updates.version),
            tr("Its page has the download. Hone itself installs nothing."),
            details=updates.notes,
        )
        page = box.add_button(tr("Open its page"), Role.AcceptRole, is_default=True)
        box.add_button(tr("Not now"))
        box.ask(lambda chosen: QDesktopServices.openUrl(QUrl(updates.page)) if chosen is page else None)

    def _show(self) -> None:
        from core import update_check

        updates = update_check.read_updates()
        self._sidebar.show_update(
            tr("Hone {version}", version=updates.version) if updates.wanted and updates.is_newer else ""
        )
