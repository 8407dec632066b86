"""The small dialogs that the main window opens."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

import core
from app.desktop import log_files, preferences, reveal
from app.desktop.language import tr
from app.desktop.message_box import MessageBox
from core.run import runs_folder

STOP, KEEP = "stop", "keep"  # the answers of ask_to_stop()


def ask_to_stop(parent: QWidget, can_keep: bool, answered: Callable[[str], None]) -> None:
    """Ask what becomes of the run that is training, and call `answered` with STOP, KEEP or "".

    Arguments:
        can_keep: whether training on in a minimized window is offered; it is the default then.
    """
    sentence = tr("What it has learned is saved when it stops, and you can go on with it later.")
    box = MessageBox(parent, MessageBox.Icon.Question, tr("A run is training."), sentence)
    stop = box.addButton(tr("Stop, save and quit"), MessageBox.ButtonRole.DestructiveRole)
    keep = box.addButton(tr("Keep training, minimized"), MessageBox.ButtonRole.AcceptRole) if can_keep else None
    cancel = box.addButton(tr("Cancel"), MessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep or cancel)
    box.setEscapeButton(cancel)
    box.ask(lambda chosen: answered(STOP if chosen is stop else KEEP if keep and chosen is keep else ""))


def ask_to_stop_export(parent: QWidget, answered: Callable[[str], None]) -> None:
    """Ask whether to quit although a result is being saved or uploaded, and call `answered` with STOP or ""."""
    sentence = tr("It is not whole yet, and is removed. What has arrived at the Hugging Face Hub stays there.")
    box = MessageBox(parent, MessageBox.Icon.Question, tr("A result is being saved."), sentence)
    stop = box.addButton(tr("Stop and quit"), MessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton(tr("Cancel"), MessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    box.ask(lambda chosen: answered(STOP if chosen is stop else ""))


def confirm_begin(parent: QWidget, data: str, begin: Callable[[], None]) -> None:
    """Ask whether to `begin` a new run although one is being put together. Going on with that is the default."""
    sentence = tr("All settings of the run on {data} go back to the defaults. Your files and runs stay.", data=data)
    box = MessageBox(parent, MessageBox.Icon.Question, tr("Begin a new run afresh?"), sentence)
    begin_button = box.addButton(tr("Begin afresh"), MessageBox.ButtonRole.AcceptRole)
    keep_button = box.addButton(tr("Keep the settings"), MessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep_button)
    box.ask(lambda chosen: begin() if chosen is begin_button else None)


def confirm_changes(parent: QWidget, name: str, changes: Sequence[str], go_on: Callable[[], object]) -> None:
    """Ask whether a run is to `go_on` although some of what it learns from has changed. Not to is the default."""
    listed = "\n".join(f"• {change[0].upper()}{change[1:]}" for change in changes)
    box = MessageBox(parent, MessageBox.Icon.Question, tr("What {name} learns from has changed.", name=name))
    box.setInformativeText(
        tr(
            "{listed}\n\nIt can go on from its last checkpoint with what is there now; "
            "the run says so from then on. Losses on other held-out rows are not compared with those before.",
            listed=listed,
        )
    )
    accept_button = box.addButton(tr("Go on with the changes"), MessageBox.ButtonRole.AcceptRole)
    cancel_button = box.addButton(tr("Do not go on"), MessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(cancel_button)
    box.ask(lambda chosen: go_on() if chosen is accept_button else None)


def choose_run_folder(parent: QWidget) -> Path | None:
    """Let the person choose a run's folder; None where they choose none."""
    start = str(runs_folder()) if runs_folder().is_dir() else preferences.last_folder()
    folder = QFileDialog.getExistingDirectory(parent, tr("Choose a run's folder"), start)
    return Path(folder) if folder else None


def choose_adapter_folder(parent: QWidget) -> Path | None:
    """Let the person choose the folder of any adapter; None where they choose none."""
    folder = QFileDialog.getExistingDirectory(parent, tr("Choose an adapter's folder"), preferences.last_folder())
    return Path(folder) if folder else None


def show_message(parent: QWidget, heading: str, sentence: str) -> None:
    """Show a message without waiting for an answer."""
    box = MessageBox(parent, MessageBox.Icon.Information, heading, sentence)
    box.setStandardButtons(MessageBox.StandardButton.Ok)
    box.open()


def show_about(parent: QWidget) -> None:
    """Show Hone's version, with a way to the licences of what it is made from."""
    box = MessageBox(
        parent,
        MessageBox.Icon.NoIcon,
        tr("Hone {version}", version=core.__version__),
        tr("Teach a language model something on your own Mac."),
    )
    box.setIconPixmap(parent.windowIcon().pixmap(64, 64))
    box.setWindowTitle(tr("About Hone"))
    licenses_button = box.addButton(tr("Licences…"), MessageBox.ButtonRole.ActionRole)
    licenses_button.clicked.connect(lambda: show_licenses(parent))
    box.addButton(MessageBox.StandardButton.Ok)
    box.open()


def show_licenses(parent: QWidget) -> None:
    """Show the licences of what Hone is made from."""
    from app.shell.licenses_window import LicensesWindow

    LicensesWindow(parent).show()


def show_log_folder() -> None:
    """Show the folder of the log files in the system's file manager."""
    folder = log_files.log_folder()
    folder.mkdir(parents=True, exist_ok=True)
    reveal.reveal(folder)
