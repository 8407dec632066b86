"""Files that are dropped on the window or opened in it, and what is pasted."""

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from app.desktop import paste, preferences
from app.desktop.drops import classify_path, describe_drop, split_data_files
from app.desktop.language import tr
from app.new_run.draft import Draft
from app.widgets.drop_overlay import DropOverlay
from core.run import DEMO

EVAL_DATA_SENTENCE = tr("Add as validation data: measure on it, never train on it")
_PASTE_ADVICE = tr("Copy a file, its path, or rows as text (JSON, CSV, plain text).")


class IncomingFiles(QObject):
    """Puts data and models into the draft of the new run; signals which step shows them, and which run to open."""

    step_changed = Signal(str)  # the key of the step of New run to show
    run_opened = Signal(object)  # a run's folder
    settings_opened = Signal(object)  # the path of a run.toml
    adapter_opened = Signal(object)  # the folder of an adapter that is no run
    refused = Signal(str, str)  # heading, sentence

    def __init__(self, draft: Draft, overlay: DropOverlay, parent: QObject) -> None:
        super().__init__(parent)
        self._draft, self._overlay = draft, overlay

    def open(self, files: list[Path]) -> None:
        """Open each file or folder by its kind; several data files are one dataset."""
        kinds = {path: classify_path(path) for path in files}
        data = [path for path, meaning in kinds.items() if meaning.kind == "data"]
        if data:
            self.use_data(*split_data_files(data))
        for path, meaning in kinds.items():
            if meaning.kind == "model":
                self._draft.set("model.path", str(path))
                self.step_changed.emit("model")
            elif meaning.kind == "run":
                self.run_opened.emit(path)
            elif meaning.kind == "settings":
                self.settings_opened.emit(path)
            elif meaning.kind == "adapter":
                self.adapter_opened.emit(path)
            elif meaning.kind != "data":
                self.refused.emit(tr("This cannot be opened here."), tr(meaning.sentence))

    def use_data(self, path: str | None, eval_path: str | None) -> None:
        """Train on `path` and evaluate on `eval_path`; without a path only change the data that is evaluated on."""
        self._draft.set("data.eval_path", eval_path)
        if path is not None:
            self._draft.set("data.path", path)
        self.step_changed.emit("data")

    def paste(self, accept_ids: bool) -> None:
        """Open files, or rows of text, from the clipboard; with `accept_ids` also a dataset's id on Hugging Face."""
        clipboard = QApplication.clipboard().mimeData()
        text = clipboard.text().strip()
        files = [Path(url.toLocalFile()) for url in clipboard.urls() if url.isLocalFile()] or paste.find_files(text)
        if not files and accept_ids and paste.DATASET_ID.fullmatch(text):
            self.use_data(text, None)
            return
        try:
            rows_file = None if files else paste.save_rows(text, preferences.data_folder() / "pasted")
        except OSError as error:
            self.refused.emit(tr("What was pasted cannot be kept."), tr("The reason: {reason}.", reason=error))
            return
        if rows_file:
            files = [rows_file]
        if files:
            self.open(files)
        else:
            self.refused.emit(tr("This cannot be pasted here."), _PASTE_ADVICE)

    def drag_enter(self, event: QDragEnterEvent) -> None:
        """Announce what dropping the dragged files would do."""
        files = _files(event)
        if files:
            meaning = describe_drop(files)
            may_be_eval_data = meaning.kind == "data" and len(files) == 1 and self._draft.run.data.path != DEMO
            self._overlay.announce(meaning.sentence, bool(meaning.kind), EVAL_DATA_SENTENCE if may_be_eval_data else "")
            event.acceptProposedAction()

    def drag_move(self, event: QDragMoveEvent) -> None:
        """Follow the drag, which may be over either half of the overlay."""
        self._overlay.set_position(event.position().toPoint())
        event.acceptProposedAction()

    def drop(self, event: QDropEvent) -> None:
        """Open the dropped files as announced."""
        self._overlay.set_position(event.position().toPoint())
        as_eval_data, files = self._overlay.over_second, _files(event)
        self._overlay.hide()
        event.acceptProposedAction()

        def open_dropped() -> None:
            if as_eval_data:
                self.use_data(None, str(files[0]))
            else:
                self.open(files)

        QTimer.singleShot(0, self, open_dropped)  # let the drag end before a dialog may open


def _files(event: QDragEnterEvent | QDropEvent) -> list[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
