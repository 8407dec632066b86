"""The one question before a run is thrown away."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.widgets.message_box import MessageBox, Role

TRASH, END = "trash", "end"


def ask_to_discard(parent: QWidget, title: str, answered: Callable[[str], None]) -> None:
    """Call `answered` with TRASH to end a run and move its folder to the trash, END to end it and keep the folder, ""
    to do neither, which is the default."""
    sentence = tr("{title}: the run ends here. Its folder holds what it has learned so far.", title=title)
    box = MessageBox(parent, tr("Discard this run?"), sentence)
    trash = box.add_button(tr("Move the folder to the Trash"), Role.DestructiveRole)
    end = box.add_button(tr("Only end the run"), Role.AcceptRole)
    box.add_button(tr("Keep the run"), is_default=True)
    box.ask(lambda chosen: answered(TRASH if chosen is trash else END if chosen is end else ""))
