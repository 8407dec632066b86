"""The models that were downloaded from the Hugging Face Hub, each with its size; into the Trash and back."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QWidget

from app.desktop.language import tr
from app.desktop.machine import format_bytes
from app.runs.deletion import Trashed, put_back, trash_model
from app.style import theme
from app.threads.model_library import Download, list_downloads
from app.threads.task import Task
from app.widgets.buttons import plain_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption, heading
from app.widgets.scroll_page import ScrollPage
from app.widgets.tab_order import TabOrder
from core.errors import UserError

IN_USE = tr("A run is training with it, or waits for it.")


class DownloadRow(Card):
    """A downloaded model. `changed` when it has gone to the Trash, or is back."""

    changed = Signal()

    def __init__(self, download: Download, reason: str) -> None:
        super().__init__()
        self.download = download
        self._trashed: Trashed | None = None
        row = hbox(self, 14)
        row.setSpacing(12)
        texts = vbox(gap=2)
        self.sentence = Label(reason or tr("{size} on the disk", size=format_bytes(download.size)), tone="secondary")
        texts.addWidget(Label(download.name, bold=True))
        texts.addWidget(self.sentence)
        row.addLayout(texts, 1)
        self.delete_button = plain_button(tr("Move to the Trash"), "trash")
        self.undo_button = plain_button(tr("Undo"), "reset")
        for button, act in ((self.delete_button, self._delete), (self.undo_button, self._undo)):
            button.setAccessibleName(f"{button.text()}: {download.name}")
            button.clicked.connect(act)
            row.addWidget(button)
        disable(self.delete_button, reason)
        self.undo_button.hide()

    def _delete(self) -> None:
        try:
            self._trashed = trash_model(self.download.folder)
        except UserError as error:
            self._tell(tr(str(error)), "bad")
            return
        size = format_bytes(self.download.size)
        self._tell(tr("In the Trash. {size} are free once that is emptied.", size=size), "secondary")
        self._show_place(is_here=False, can_undo=self._trashed.place is not None)

    def _undo(self) -> None:
        if self._trashed is None:
            return
        try:
            put_back(self._trashed)
        except UserError as error:
            self._tell(tr(str(error)), "bad")
            return
        self._tell(tr("{size} on the disk", size=format_bytes(self.download.size)), "secondary")
        self._show_place(is_here=True, can_undo=False)

    def _show_place(self, *, is_here: bool, can_undo: bool) -> None:
        self.delete_button.setVisible(is_here)
        self.undo_button.setVisible(can_undo)
        self.changed.emit()

    def _tell(self, sentence: str, tone: str) -> None:
        self.sentence.set_tone(tone)
        self.sentence.setText(sentence)


class DownloadsDialog(TabOrder, QDialog):
    """`changed` when other models are on this computer than before. `in_use` are models that have to stay."""

    changed = Signal()

    def __init__(self, parent: QWidget | None, in_use: set[str]) -> None:
        super().__init__(parent)
        self._in_use = in_use
        self.rows: list[DownloadRow] = []
        self.setWindowTitle(tr("Downloaded models"))
        self.setModal(True)
        self.resize(620, 460)
        layout = vbox(self, theme.MARGIN, theme.GRID)
        layout.addWidget(heading(tr("Downloaded models")))
        self.summary = caption(tr("Reading…"))
        layout.addWidget(self.summary)
        scroll = ScrollPage(margin=0)
        self._list = scroll.content_layout
        self._list.setSpacing(theme.GRID)
        layout.addWidget(scroll, 1)
        self.close_button = plain_button(tr("Close"))
        foot = hbox(gap=8)
        foot.addStretch()
        foot.addWidget(self.close_button)
        layout.addLayout(foot)
        self.close_button.clicked.connect(self.reject)
        self.finished.connect(self.deleteLater)
        Task(self, list_downloads, done=self._show, failed=self.summary.setText)

    def _show(self, downloads: list[Download]) -> None:
        total = format_bytes(sum(download.size for download in downloads))
        self.summary.setText(
            tr("{total} in the cache of the Hugging Face Hub, which other programs use as well.", total=total)
            if downloads
            else tr("No model was downloaded yet.")
        )
        for download in downloads:
            row = DownloadRow(download, IN_USE if self._is_in_use(download) else "")
            row.changed.connect(self.changed)
            self.rows.append(row)
            self._list.addWidget(row)
        self._list.addStretch()

    def _is_in_use(self, download: Download) -> bool:
        return any(name == download.name or Path(name).is_relative_to(download.folder) for name in self._in_use)
