"""The dialog that tells of a bug in Hone: one at a time, however many bugs there are."""

import platform
import sys

import PySide6
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

import core
from app.desktop import log_files
from app.desktop.language import tr, tr_count
from app.shell import dialogs
from app.widgets.message_box import MessageBox, Role

_LOG_LINES = 60  # in a report
_box: "CrashDialog | None" = None  # the one that is open; without a parent nothing else keeps it alive


class CrashDialog(MessageBox):
    """Tells of one bug or several, with a report to copy."""

    def __init__(self) -> None:
        app = QApplication.instance()
        parent = app.activeWindow() if isinstance(app, QApplication) else None
        super().__init__(parent, tr("Something went wrong inside Hone."), tone="warn")
        self._faults: list[str] = []
        self.add_button(tr("Copy report"), Role.ActionRole).clicked.connect(self.copy_report)
        self.add_button(tr("Show log"), Role.ActionRole).clicked.connect(dialogs.show_log_folder)
        self.add_button(tr("Close"), is_default=True)

    def add(self, details: str) -> None:
        """Tell of one more bug."""
        self._faults.append(details)
        others = len(self._faults) - 1
        more = (
            "\n\n" + tr_count("{count} more fault followed.", "{count} more faults followed.", others) if others else ""
        )
        last_line = self._faults[0].strip().splitlines()[-1]
        self.show_sentence(
            tr(
                "This is a fault of the program, not of yours. Your files are untouched.\n\n{last_line}{more}",
                last_line=last_line,
                more=more,
            )
        )
        self.show_details("\n\n".join(self._faults))

    def copy_report(self) -> None:
        """Copy the bugs, the versions and the end of the log."""
        QGuiApplication.clipboard().setText(make_report("\n\n".join(self._faults)))


def make_report(details: str) -> str:
    """A text for whoever mends Hone. What is logged has no secrets in it any more."""
    versions = tr(
        "Hone {version}, Python {python_version}, PySide {version2}",
        version=core.__version__,
        python_version=platform.python_version(),
        version2=PySide6.__version__,
    )
    machine = f"{platform.platform()}, {sys.platform}"
    end_of_log = log_files.read_end(_LOG_LINES)
    return tr(
        "{versions}\n{machine}\n\n{details}\n\nThe end of {name}:\n{end_of_log}",
        versions=versions,
        machine=machine,
        details=details.strip(),
        name=log_files.log_file().name,
        end_of_log=end_of_log,
    )


def show(details: str) -> None:
    """Show a bug, in the dialog that is open or in a new one."""
    global _box
    if _box is None:
        _box = CrashDialog()
        _box.finished.connect(_forget)
        _box.add(details)
        _box.open()
    else:
        _box.add(details)


def _forget() -> None:
    global _box
    if _box is not None:
        _box.deleteLater()
    _box = None
