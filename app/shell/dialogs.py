"""The small dialogs that the main window opens."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

import core
from app.desktop import preferences, reveal
from app.threads import crash_report
from core.run import runs_folder


def confirm_stop(parent: QWidget) -> bool:
    """Ask whether to stop the run that is training and quit. Keeping on is the default."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Hone")
    box.setText("A run is training.")
    box.setInformativeText("Stop it and quit? What it has learned is saved, and you can go on with it later.")
    stop_button = box.addButton("Stop, save and quit", QMessageBox.ButtonRole.AcceptRole)
    stay_button = box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay_button)
    box.exec()
    return box.clickedButton() is stop_button


def choose_run_folder(parent: QWidget) -> Path | None:
    """Let the person choose a run's folder; None where they choose none."""
    start = str(runs_folder()) if runs_folder().is_dir() else preferences.last_folder()
    folder = QFileDialog.getExistingDirectory(parent, "Choose a run's folder", start)
    return Path(folder) if folder else None


def show_message(parent: QWidget, heading: str, sentence: str) -> None:
    """Show a message without waiting for an answer."""
    box = QMessageBox(QMessageBox.Icon.Information, "Hone", heading, QMessageBox.StandardButton.Ok, parent)
    box.setInformativeText(sentence)
    box.open()


def show_about(parent: QWidget) -> None:
    """Show Hone's version."""
    text = f"<b>Hone {core.__version__}</b><p>Teach a language model something on your own Mac.</p>"
    QMessageBox.about(parent, "About Hone", text)


def show_log_folder() -> None:
    """Show the folder of the log files in the system's file manager."""
    crash_report.log_folder().mkdir(parents=True, exist_ok=True)
    reveal.reveal(crash_report.log_folder())
