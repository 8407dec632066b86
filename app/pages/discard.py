"""The one question before a run is thrown away."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.desktop.message_box import MessageBox

TRASH, END = "trash", "end"


def ask_to_discard(parent: QWidget, title: str, answered: Callable[[str], None]) -> None:
    """Call `answered` with TRASH to end a run and move its folder to the trash, END to end it and keep the folder, ""
    to do neither, which is the default."""
    box = MessageBox(parent, MessageBox.Icon.Question, tr("Discard this run?"))
    box.setInformativeText(tr("{title}: the run ends here. Its folder holds what it has learned so far.", title=title))
    trash = box.addButton(tr("Move the folder to the Trash"), MessageBox.ButtonRole.DestructiveRole)
    end = box.addButton(tr("Only end the run"), MessageBox.ButtonRole.AcceptRole)
    neither = box.addButton(tr("Keep the run"), MessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(neither)
    box.setEscapeButton(neither)
    box.ask(lambda chosen: answered(TRASH if chosen is trash else END if chosen is end else ""))
