"""The small dialogs that the main window opens."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

import core
from app.desktop import log_files, preferences, reveal
from app.desktop.language import tr
from app.widgets.message_box import MessageBox, Role
from core.run import runs_folder

STOP, KEEP = "stop", "keep"  # the answers of ask_to_stop()


def ask_to_stop(parent: QWidget, can_keep: bool, answered: Callable[[str], None]) -> None:
    """Ask what becomes of the run that is training, and call `answered` with STOP, KEEP or "".

    Arguments:
        can_keep: whether training on in a minimized window is offered; it is the default then.
    """
    sentence = tr("What it has learned is saved when it stops, and you can go on with it later.")
    box = MessageBox(parent, tr("A run is training."), sentence)
    stop = box.add_button(tr("Stop, save and quit"), Role.DestructiveRole)
    keep = box.add_button(tr("Keep training, minimized"), Role.AcceptRole, is_default=True) if can_keep else None
    box.add_button(tr("Cancel"), is_default=not can_keep)
    box.ask(lambda chosen: answered(STOP if chosen is stop else KEEP if keep and chosen is keep else ""))


def ask_to_stop_export(parent: QWidget, answered: Callable[[str], None]) -> None:
    """Ask whether to quit although a result is being saved or uploaded, and call `answered` with STOP or ""."""
    sentence = tr("It is not whole yet, and is removed. What has arrived at the Hugging Face Hub stays there.")
    box = MessageBox(parent, tr("A result is being saved."), sentence)
    stop = box.add_button(tr("Stop and quit"), Role.DestructiveRole)
    box.add_button(tr("Cancel"), is_default=True)
    box.ask(lambda chosen: answered(STOP if chosen is stop else ""))


def confirm_begin(parent: QWidget, data: str, begin: Callable[[], None]) -> None:
    """Ask whether to `begin` a new run although one is being put together. Going on with that is the default."""
    sentence = tr("All settings of the run on {data} go back to the defaults. Your files and runs stay.", data=data)
    box = MessageBox(parent, tr("Begin a new run afresh?"), sentence)
    begin_button = box.add_button(tr("Begin afresh"), Role.AcceptRole)
    box.add_button(tr("Keep the settings"), is_default=True)
    box.ask(lambda chosen: begin() if chosen is begin_button else None)


def confirm_changes(parent: QWidget, name: str, changes: Sequence[str], go_on: Callable[[], object]) -> None:
    """Ask whether a run is to `go_on` although some of what it learns from has changed. Not to is the default."""
    listed = "\n".join(f"• {change[0].upper()}{change[1:]}" for change in changes)
    sentence = tr(
        "{listed}\n\nIt can go on from its last checkpoint with what is there now; "
        "the run says so from then on. Losses on other held-out rows are not compared with those before.",
        listed=listed,
    )
    box = MessageBox(parent, tr("What {name} learns from has changed.", name=name), sentence)
    accept_button = box.add_button(tr("Go on with the changes"), Role.AcceptRole)
    box.add_button(tr("Do not go on"), is_default=True)
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


def show_about(parent: QWidget) -> None:
    """Show Hone's version, with a way to the licences of what it is made from."""
    box = MessageBox(
        parent,
        tr("Hone {version}", version=core.__version__),
        tr("Teach a language model something on your own Mac."),
        picture=parent.windowIcon().pixmap(64, 64),
    )
    box.setWindowTitle(tr("About Hone"))
    licenses = box.add_button(tr("Licences…"))
    box.add_button(tr("OK"), Role.AcceptRole, is_default=True)
    box.ask(lambda chosen: show_licenses(parent) if chosen is licenses else None)


def show_licenses(parent: QWidget) -> None:
    """Show the licences of what Hone is made from."""
    from app.shell.licenses_window import LicensesWindow

    LicensesWindow(parent).show()


def show_log_folder() -> None:
    """Show the folder of the log files in the system's file manager."""
    folder = log_files.log_folder()
    folder.mkdir(parents=True, exist_ok=True)
    reveal.reveal(folder)
