"""Step 2: what it learns from. Drop a file, see what was found in it and what the model will see."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from app.desktop import preferences
from app.desktop.drops import together
from app.new_run.column_mapping import ColumnsCard
from app.new_run.draft import Draft
from app.preview import dataset_reader
from app.preview.view import Preview
from app.runs.labels import shown_data, shown_files, shown_model
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import quiet
from app.widgets.card import column, row
from app.widgets.drop_zone import DropZone
from app.widgets.file_card import FileCard
from app.widgets.labels import caption, title
from app.widgets.notice import Notice
from core.data.read.files import ENDINGS
from core.events import Phase
from core.run import DEMO

if TYPE_CHECKING:
    from core.data.preview.scan import FilePreview, ScanResult

FILTER = f"Data ({' '.join(f'*{e} *{e}.gz' for e in ENDINGS)});;All files (*)"
ADVICE = "Put the file right and choose it again, or choose another one. Everything else you set is kept."
MAP = "Say below which column is what."
_LOW = 560  # pixels of height below which the rows matter more than the heading
_HERE = ("data.path", "data.eval_path", "data.columns", "data.exclude", "data.fill_in")  # reading depends on these


class DataPage(QWidget):
    """Reads the chosen files in the background and shows them, the first rows at once."""

    name = "Data"

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._reading: Task | None = None
        self._tokenizing: Task | None = None
        self._read: tuple[Any, ...] = ()  # what is shown was read for this
        self._tokens_of: tuple[Any, ...] = ()
        self._problem = ""
        self.head: FilePreview | None = None
        self.scanned: ScanResult | None = None  # what all rows come to, once they have been read
        layout = column(self, theme.MARGIN, theme.GRID + 4)
        self._title = title("What should it learn from?")
        layout.addWidget(self._title)
        self.zone = DropZone()
        layout.addWidget(self.zone)
        self.notice = Notice()
        layout.addWidget(self.notice)
        self.file = FileCard()
        layout.addWidget(self.file)
        self.columns = ColumnsCard()
        layout.addWidget(self.columns)
        self.preview = Preview()
        layout.addWidget(self.preview, 100)
        layout.addStretch(1)
        layout.addLayout(self._validation_row())
        self.file.stop.clicked.connect(self._stop)
        self.file.change.clicked.connect(self._show_columns)
        self.file.sample.clicked.connect(self._use_sample)
        self.file.other.clicked.connect(self.choose)
        self.zone.choose.connect(self.choose)
        self.zone.sample.connect(self._use_sample)
        self.zone.use_id.connect(self._use)
        self.columns.changed.connect(lambda entries: draft.set("data.columns", entries))
        self.preview.changed.connect(draft.set)
        self.preview.needs_tokenizer.connect(self._load_tokenizer)
        self.preview.map_columns.connect(self._show_columns)
        self.preview.failed.connect(self._failed)
        draft.changed.connect(self._changed)

    def enter(self) -> None:
        """Read the files of the draft, unless they are what is shown."""
        if dataset_reader.wanted(self._draft.run) != self._read:
            self._start_reading()
        self._show_validation()

    def blocked(self) -> str:
        if self._problem:
            return self._problem
        return "" if self.scanned or (self.head and self.head.examples) else "The file is still being read."

    def choose(self) -> None:
        """Ask for files."""
        paths, _ = QFileDialog.getOpenFileNames(self, "Choose your data", preferences.last_folder(), FILTER)
        if paths:
            preferences.set_last_folder(str(Path(paths[0]).parent))
            self._use(*together([Path(path) for path in paths]))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._title.setVisible(self.height() > _LOW)  # the rail above says where one is

    def _use(self, path: str, held: str | None = None) -> None:
        """Learn from other data. What was measured on belonged to the data before."""
        self._draft.set("data.eval_path", held)
        self._draft.set("data.path", path)

    def _use_sample(self) -> None:
        self._use(DEMO)

    def _validation_row(self) -> QHBoxLayout:
        layout = row(gap=8)
        self.validation = caption()
        self._second = quiet("Use a second file for validation…", "file")
        self._second.clicked.connect(self._choose_second)
        self._none = quiet("Do not use it", "reset")
        self._none.clicked.connect(lambda: self._draft.set("data.eval_path", None))
        layout.addWidget(self.validation, 1)
        layout.addWidget(self._none)
        layout.addWidget(self._second)
        return layout

    def _choose_second(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose the validation data", preferences.last_folder(), FILTER)
        if path:
            self._draft.set("data.eval_path", path)

    def _changed(self, key: str) -> None:
        if key in ("", "method", *_HERE):
            self.enter() if self.isVisible() or key in ("", "data.path") else None
        elif key.startswith("data."):
            self._show_validation()
        if key in ("", "model.path", "model.revision", "data.chat_template"):
            self._tokens_of = ()
            self.preview.show_tokenizer(None, "Loading the tokenizer…")
        self.preview.show_run(self._draft.run)

    def _start_reading(self) -> None:
        if self._reading:
            self._reading.drop()
        run = self._draft.run
        again = self._read[:1] == (run.data.path,) and self.head is not None  # the same files, understood otherwise
        self._read, self._problem = dataset_reader.wanted(run), ""
        self.head = self.scanned = None
        self.file.name.setText(shown_data(run))
        self.file.name.setToolTip(run.data.path)
        if not again:
            self.file.sentence.setText("Reading…")
            self.columns.hide()
        self.file.sentence.set_tone("secondary")
        self.file.show()
        self.preview.show()
        own = run.data.path != DEMO
        self.zone.sample_button.hide()
        self.zone.setVisible(not own)  # the invitation stays as long as only the sample is there
        for button in (self.file.other, self.file.sample, self.file.change):
            button.setVisible(own)
        self.notice.hide()
        self._reading = Task(self, lambda: dataset_reader.read(run), self._all_read, self._failed, self._came)

    def _came(self, item: "Phase | FilePreview | dataset_reader.News | ScanResult") -> None:
        from core.data.preview.scan import FilePreview, ScanResult

        run = self._draft.run
        if isinstance(item, Phase):
            self.file.sentence.setText(f"{item.name}: {item.detail}" if item.detail else item.name)
        elif isinstance(item, FilePreview):
            self.head = item
            self.preview.show_head(item, run)
            self.preview.show_run(run)
            self.columns.show_columns(run.spec.data, item.format.all_columns, run.data.columns)
        elif isinstance(item, dataset_reader.News):
            self._show_news(item)
        elif isinstance(item, ScanResult):
            self._show_scanned(item)

    def _show_news(self, news: dataset_reader.News) -> None:
        if self.head is None:
            return
        self.preview.show_news(news, self.head)
        progress = news.progress
        if progress.done < progress.size:
            form = self.head.format.name
            self.file.sentence.setText(
                f"{form}: {progress.index.rows:,} rows read, {progress.fraction:.0%} of the file…"
            )
            self.file.bar.show_share(progress.fraction)
            self.file.bar.show()
            self.file.stop.show()

    def _show_scanned(self, scanned: "ScanResult") -> None:
        self.scanned = scanned
        self.preview.show_scanned(scanned)
        words = scanned.sentence
        if scanned.left_out:
            rows = "1 row is" if scanned.left_out == 1 else f"{scanned.left_out:,} rows are"
            words += f" {rows} left out, see Problems."
            self.file.sentence.set_tone("warn")
        self.file.sentence.setText(words)
        if not scanned.usable:
            self._show_unusable(scanned)

    def _show_unusable(self, scanned: "ScanResult") -> None:
        """No row can be used: why, and what would help."""
        errors = [f for f in self.preview.problems.findings if f.severity == "error"]
        self._problem = str(errors[0]) if errors else "There is no row to learn from in this file."
        if errors and errors[0].code in ("columns", "column"):
            words = scanned.sentence if errors[0].code == "columns" else errors[0].message
            self.file.sentence.setText(f"{words} {MAP}")
            self.preview.tabs.show_page(self.preview.rows)
            self._show_columns()
        else:
            self.notice.say(self._problem, ADVICE)

    def _all_read(self, _: object) -> None:
        self._reading = None
        self.file.bar.hide()
        self.file.stop.hide()

    def _stop(self) -> None:
        """Read no further; what has been read stays to be looked at."""
        if self._reading:
            self._reading.drop()
        self._all_read(None)
        if self.head is not None:
            self.file.sentence.setText(f"{self.head.format.name}: reading was stopped. A run reads all of it.")

    def _failed(self, sentence: str) -> None:
        self._all_read(None)
        self._problem = sentence
        self.head = None
        self.file.hide()
        self.columns.hide()
        self.zone.show()
        self.zone.sample_button.show()
        self.preview.show_head(None, self._draft.run)
        self.preview.hide()
        self.notice.say(sentence, ADVICE)

    def _show_columns(self) -> None:
        if self.head is not None:
            run = self._draft.run
            self.columns.show_columns(run.spec.data, self.head.format.all_columns, run.data.columns)
            self.columns.show()

    def _show_validation(self) -> None:
        data = self._draft.run.data
        share = f"{data.eval_split:.0%} of the rows are held out to measure on; none of them is trained on."
        if data.path == DEMO:
            share = "The sample data brings held-out rows to measure on; none of them is trained on."
        if not data.eval_split:
            share = "Nothing is held out: the run cannot say how it does on unseen examples."
        own = f"Measured on {shown_files(data.eval_path)}, never trained on." if data.eval_path else share
        self.validation.setText(own)
        self._none.setVisible(bool(data.eval_path))

    def _load_tokenizer(self) -> None:
        run = self._draft.run
        if dataset_reader.tokenizer_wanted(run) == self._tokens_of:
            return
        self._tokens_of = dataset_reader.tokenizer_wanted(run)
        if self._tokenizing:
            self._tokenizing.drop()
        name = shown_model(run)
        self.preview.show_tokenizer(None, f"Loading the tokenizer of {name}…")
        absent = f"{name} is not on this computer yet. Its tokens can be shown once it is downloaded."
        self._tokenizing = Task(
            self,
            lambda: dataset_reader.tokenizer(run),
            done=lambda found: self.preview.show_tokenizer(found, absent),
            failed=lambda sentence: self.preview.show_tokenizer(None, sentence),
        )
