"""What comes into the window from outside: files dropped or opened, and whatever is pasted."""

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from app.desktop import paste, preferences
from app.desktop.drops import classify_path, describe_drop, split_data_files
from app.new_run.draft import Draft
from app.widgets.drop_overlay import DropOverlay
from core.run import DEMO

MEASURE = "Add as validation data: measure on it, never train on it"
_NOTHING = "Copy a file, its path, or rows as text (JSON, CSV, plain text)."


class Incoming(QObject):
    """Puts data and models into the draft and says which step shows them; runs and settings are handed on."""

    step = Signal(str)
    run = Signal(object)  # a run's folder
    toml = Signal(object)  # a run's settings
    refused = Signal(str, str)  # heading, sentence

    def __init__(self, draft: Draft, overlay: DropOverlay, parent: QObject) -> None:
        super().__init__(parent)
        self._draft, self._overlay = draft, overlay

    def open(self, files: list[Path]) -> None:
        """Do with each file or folder what it means; several data files are one dataset."""
        kinds = {path: classify_path(path) for path in files}
        data = [path for path, what in kinds.items() if what.kind == "data"]
        if data:
            self.use_data(*split_data_files(data))
        for path, what in kinds.items():
            if what.kind == "model":
                self._draft.set("model.path", str(path))
                self.step.emit("Model")
            elif what.kind == "run":
                self.run.emit(path)
            elif what.kind == "settings":
                self.toml.emit(path)
            elif what.kind != "data":
                self.refused.emit("This cannot be opened here.", what.sentence)

    def use_data(self, path: str | None, held_out: str | None) -> None:
        """Learn from these files and measure on those, which belong to them; without a path only measure on those."""
        self._draft.set("data.eval_path", held_out)
        if path is not None:
            self._draft.set("data.path", path)
        self.step.emit("Data")

    def paste(self, ids: bool) -> None:
        """Take files, or rows of text, from the clipboard; with `ids` also a dataset's id on Hugging Face."""
        clip = QApplication.clipboard().mimeData()
        text = clip.text().strip()
        found = [Path(url.toLocalFile()) for url in clip.urls() if url.isLocalFile()] or paste.find_files(text)
        if not found and ids and paste.DATASET_ID.fullmatch(text):
            self.use_data(text, None)
            return
        try:
            saved = None if found else paste.save_rows(text, preferences.data_folder() / "pasted")
        except OSError as error:
            self.refused.emit("What was pasted cannot be kept.", f"{error.strerror}.")
            return
        if saved:
            found = [saved]
        if found:
            self.open(found)
        else:
            self.refused.emit("This cannot be pasted here.", _NOTHING)

    def enter(self, event: QDragEnterEvent) -> None:
        """Files are dragged in: say what dropping them would do."""
        files = _files(event)
        if files:
            what = describe_drop(files)
            may_measure = what.kind == "data" and len(files) == 1 and self._draft.run.data.path != DEMO
            self._overlay.announce(what.sentence, bool(what.kind), MEASURE if may_measure else "")
            event.acceptProposedAction()

    def move(self, event: QDragMoveEvent) -> None:
        self._overlay.point(event.position().toPoint())
        event.acceptProposedAction()

    def drop(self, event: QDropEvent) -> None:
        """Do what was announced."""
        self._overlay.point(event.position().toPoint())
        measure, files = self._overlay.over_second, _files(event)
        self._overlay.hide()
        event.acceptProposedAction()

        def take() -> None:
            if measure:
                self.use_data(None, str(files[0]))
            else:
                self.open(files)

        QTimer.singleShot(0, self, take)  # let the drag end before a dialog may open


def _files(event: QDragEnterEvent | QDropEvent) -> list[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
