"""A dataset of the Data page, opened: its rows, what the model sees, lengths and problems. Nothing is changed."""

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.preview import dataset_reader
from app.preview.view import Preview
from app.runs.labels import data_label
from app.runs.phase_text import describe_phase
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import primary_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.labels import Label, title
from app.widgets.notice import Notice
from core.events import Phase
from core.run import Run

if TYPE_CHECKING:
    from core.data.preview.scan import FilePreview, ScanResult


class DatasetPreview(QWidget):
    """`closed` for the way back; `use(path, eval_path)` to learn from it; `counted(run, name, result)` once all of it
    has been read."""

    closed = Signal()
    use = Signal(object)
    counted = Signal(object, str, object)

    def __init__(self) -> None:
        super().__init__()
        self._run = Run()
        self._reading: Task | None = None
        self._head: FilePreview | None = None
        layout = vbox(self, 0, theme.GRID + 4)
        header = hbox(gap=8)
        self.back = quiet_button(tr("All datasets"), "back")
        self._title = title("")
        self.use_button = primary_button(tr("Use in a new run"), "new")
        header.addWidget(self.back)
        header.addWidget(self._title, 1)
        header.addWidget(self.use_button)
        layout.addLayout(header)
        self.sentence = Label("", tone="secondary")
        layout.addWidget(self.sentence)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self.preview = Preview()
        layout.addWidget(self.preview, 1)
        self.back.clicked.connect(self._close)
        self.use_button.clicked.connect(lambda: self.use.emit(self._run))
        self.preview.needs_tokenizer.connect(lambda: self.preview.load_tokenizer(self._run))
        self.preview.failed.connect(self._show_failure)

    def open(self, run: Run) -> None:
        """Read a run's data and show them, the first rows at once."""
        self._stop()
        self._run, self._head = run, None
        self._title.setText(data_label(run))
        self.sentence.setText(tr("Reading…"))
        self.notice.hide()
        self.preview.show_head(None, run)
        self.preview.show_run(run)
        self.preview.show()
        work = functools.partial(dataset_reader.read_data, run)
        self._reading = Task(self, work, failed=self._show_failure, progress=self._show_item)

    def _close(self) -> None:
        self._stop()
        self.closed.emit()

    def _stop(self) -> None:
        if self._reading:
            self._reading.cancel()
            self._reading = None
        self.preview.drop_tokenizer()

    def _show_item(self, item: "Phase | FilePreview | dataset_reader.ReadUpdate | ScanResult") -> None:
        from core.data.preview.scan import FilePreview, ScanResult

        if isinstance(item, Phase):
            self.sentence.setText(describe_phase(item))
        elif isinstance(item, FilePreview):
            self._head = item
            self.preview.show_head(item, self._run)
        elif isinstance(item, dataset_reader.ReadUpdate) and self._head is not None:
            self.preview.show_update(item, self._head)
        elif isinstance(item, ScanResult) and self._head is not None:
            self.preview.show_scanned(item)
            self.sentence.setText(item.sentence)
            self.counted.emit(self._run, self._head.format.name, item)

    def _show_failure(self, sentence: str) -> None:
        self.sentence.setText("")
        self.preview.hide()
        self.notice.show_message(sentence, tr("Put the file right, or take it off the list."))
