"""Delete runs: into the Trash, with a bar that takes it back; where there is no Trash a question comes first."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr, tr_count
from app.runs.deletion import Trashed, delete_for_good, put_back, trash_run
from app.widgets.buttons import plain_button
from app.widgets.message_box import MessageBox, Role
from app.widgets.notice import Notice
from core.errors import UserError


class DeletedBar(Notice):
    """Deletes folders of runs and tells what has become of them. `deleted(folders)`; `returned(folders)` where they are
    back."""

    deleted = Signal(object)
    returned = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._trashed: list[Trashed] = []
        self.undo_button = plain_button(tr("Undo"), "reset")
        self.undo_button.clicked.connect(self.undo)
        self.add_action(self.undo_button)

    def delete(self, folders: Sequence[Path]) -> None:
        """Move folders to the Trash, or delete them for good where there is none and the person says so."""
        self._trashed = []
        left: list[Path] = []
        problems: list[str] = []
        for folder in folders:
            try:
                trashed = trash_run(folder)
            except UserError as error:
                problems.append(tr(str(error)))
                continue
            if trashed is None:
                left.append(folder)
            else:
                self._trashed.append(trashed)
        gone = [trashed.folder for trashed in self._trashed]
        self._tell(len(gone), problems)
        if gone:
            self.deleted.emit(gone)
        if left:
            confirm_deletion(self, len(left), lambda: self._delete_for_good(left, gone, problems))

    def _delete_for_good(self, folders: Sequence[Path], trashed: Sequence[Path], problems: list[str]) -> None:
        """Delete what could not go to the Trash, beside those that have gone there."""
        gone = []
        for folder in folders:
            try:
                delete_for_good(folder)
                gone.append(folder)
            except UserError as error:
                problems.append(tr(str(error)))
        self._tell(len(trashed) + len(gone), problems)
        self.deleted.emit(gone)

    def undo(self) -> None:
        """Put back what was moved to the Trash last."""
        problems, back = [], []
        for trashed in self._trashed:
            try:
                put_back(trashed)
                back.append(trashed.folder)
            except UserError as error:
                problems.append(tr(str(error)))
        self._trashed = []
        self.undo_button.hide()
        if problems:
            self.show_message(tr("Not everything could be put back."), "\n".join(problems))
        else:
            self.hide()
        self.returned.emit(back)

    def _tell(self, count: int, problems: list[str]) -> None:
        can_undo = bool(self._trashed) and all(trashed.place for trashed in self._trashed)
        self.undo_button.setVisible(can_undo)
        moved, deleted = len(self._trashed), count - len(self._trashed)
        sentences = [
            tr_count("{count} run is in the Trash.", "{count} runs are in the Trash.", moved) if moved else "",
            tr_count("{count} run is deleted.", "{count} runs are deleted.", deleted) if deleted else "",
        ]
        text = " ".join(filter(None, sentences))
        if problems:
            self.show_message(text or tr("Nothing was deleted."), "\n".join(problems), "warn")
        elif text:
            self.show_message(text, "", "accent")
        else:
            self.hide()


def confirm_deletion(parent: QWidget, count: int, delete: Callable[[], None]) -> None:
    """Ask whether to `delete` runs for good, which cannot go to the Trash. Keeping them is the default."""
    heading = tr_count(
        "This run cannot be moved to the Trash.", "{count} of these runs cannot be moved to the Trash.", count
    )
    sentence = tr(
        "There is none where they lie. They can only be deleted for good, with their adapters and checkpoints, "
        "and this cannot be undone."
    )
    box = MessageBox(parent, heading, sentence, tone="warn")
    delete_button = box.add_button(tr("Delete for good"), Role.DestructiveRole)
    box.add_button(tr("Keep"), is_default=True)
    box.ask(lambda chosen: delete() if chosen is delete_button else None)
