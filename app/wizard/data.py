"""Step 2: what it learns from. Drop a file, see what was found in it and what the model will see."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from app import datasets, settings, theme
from app.draft import Draft, shown_data, shown_model
from app.preview import Preview
from app.task import Task
from app.widgets.buttons import plain, quiet
from app.widgets.card import Card, column, row
from app.widgets.dropzone import DropZone
from app.widgets.notice import Notice
from app.widgets.text import Glyph, Text, caption, title
from core.data.files import ENDINGS
from core.events import Phase
from core.run import DEMO

if TYPE_CHECKING:
    from core.data.load import Dataset

FILTER = f"Data ({' '.join(f'*{e} *{e}.gz' for e in ENDINGS)});;All files (*)"
ADVICE = "Put the file right and choose it again, or choose another one. Everything else you set is kept."


class DataPage(QWidget):
    """Reads the chosen file in the background and shows it."""

    name = "Data"

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._reading: Task | None = None
        self._tokenizing: Task | None = None
        self._read: tuple[Any, ...] = ()  # what is shown was read for this
        self._tokens_of: tuple[Any, ...] = ()
        self._problem = ""
        self.dataset: Dataset | None = None
        layout = column(self, theme.MARGIN, theme.GRID + 4)
        layout.addWidget(title("What should it learn from?"))
        self.zone = DropZone()
        layout.addWidget(self.zone)
        self.notice = Notice()
        layout.addWidget(self.notice)
        layout.addWidget(self._file_row())
        self.preview = Preview()
        layout.addWidget(self.preview, 1)
        layout.addLayout(self._validation_row())
        self.zone.choose.connect(self.choose)
        self.zone.sample.connect(self._use_sample)
        self.preview.needs_tokenizer.connect(self._load_tokenizer)
        draft.changed.connect(self._changed)

    def enter(self) -> None:
        """Read the file of the draft, unless that is what is shown."""
        if datasets.wanted(self._draft.run) != self._read:
            self._start_reading()
        self._show_validation()

    def blocked(self) -> str:
        if self._problem:
            return self._problem
        return "The file is still being read." if self.dataset is None else ""

    def choose(self) -> None:
        """Ask for a file."""
        path, _ = QFileDialog.getOpenFileName(self, "Choose your data", settings.last_folder(), FILTER)
        if path:
            settings.set_last_folder(str(Path(path).parent))
            self._draft.set("data.path", path)

    def _use_sample(self) -> None:
        self._draft.set("data.path", DEMO)

    def _file_row(self) -> Card:
        self._file = Card()
        layout = row(self._file, 12, 12)
        layout.addWidget(Glyph("file", "accent_text", 22))
        words = column(gap=1)
        self.file_name = Text(bold=True)
        self.sentence = Text(tone="secondary")
        words.addWidget(self.file_name)
        words.addWidget(self.sentence)
        layout.addLayout(words, 1)
        self.sample_button = quiet("Use the sample data")
        self.sample_button.clicked.connect(self._use_sample)
        self.other_button = plain("Choose another…", "file")
        self.other_button.clicked.connect(self.choose)
        layout.addWidget(self.sample_button)
        layout.addWidget(self.other_button)
        return self._file

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
        path, _ = QFileDialog.getOpenFileName(self, "Choose the validation data", settings.last_folder(), FILTER)
        if path:
            self._draft.set("data.eval_path", path)

    def _changed(self, key: str) -> None:
        if key in ("", "method") or key.startswith("data."):
            self.enter() if self.isVisible() or key in ("", "data.path") else None
        if key in ("", "model.path", "model.revision", "data.chat_template"):
            self._tokens_of = ()
            self.preview.show_tokenizer(None, "Loading the tokenizer…")
        self.preview.show_run(self._draft.run)

    def _start_reading(self) -> None:
        if self._reading:
            self._reading.drop()
        run = self._draft.run
        self._read, self.dataset, self._problem = datasets.wanted(run), None, ""
        self.file_name.setText(shown_data(run))
        self.sentence.setText("Reading…")
        self._file.show()
        own = run.data.path != DEMO
        self.zone.setVisible(not own)  # the invitation stays as long as only the sample is there
        self.other_button.setVisible(own)
        self.sample_button.setVisible(own)
        self.notice.hide()
        self._reading = Task(self, lambda: datasets.read(run), progress=self._came, failed=self._failed)

    def _came(self, item: "Phase | Dataset") -> None:
        if isinstance(item, Phase):
            self.sentence.setText(f"{item.name}: {item.detail}" if item.detail else item.name)
        else:
            self._loaded(item)

    def _loaded(self, dataset: "Dataset") -> None:
        self.dataset = dataset
        self.sentence.setText(dataset.sentence)
        self.preview.show_data(dataset, self._draft.run)
        left_out = sum(f.severity == "error" for f in dataset.findings)
        if left_out:
            rows = "1 row is" if left_out == 1 else f"{left_out:,} rows are"
            self.notice.say(f"{rows} left out.", "The tab Problems lists each with its line.", "warn")

    def _failed(self, sentence: str) -> None:
        self._problem = sentence
        self._file.hide()
        self.zone.show()
        self.preview.show_data(None, self._draft.run)
        self.notice.say(sentence, ADVICE)

    def _show_validation(self) -> None:
        data = self._draft.run.data
        share = f"{data.eval_split:.0%} of the rows are held out to measure on; none of them is trained on."
        if data.path == DEMO:
            share = "The sample data brings held-out rows to measure on; none of them is trained on."
        if not data.eval_split:
            share = "Nothing is held out: the run cannot say how it does on unseen examples."
        words = f"Measured on {Path(data.eval_path).name}, a file of its own." if data.eval_path else share
        self.validation.setText(words)
        self._none.setVisible(bool(data.eval_path))

    def _load_tokenizer(self) -> None:
        run = self._draft.run
        if datasets.tokenizer_wanted(run) == self._tokens_of:
            return
        self._tokens_of = datasets.tokenizer_wanted(run)
        if self._tokenizing:
            self._tokenizing.drop()
        name = shown_model(run)
        self.preview.show_tokenizer(None, f"Loading the tokenizer of {name}…")
        absent = f"{name} is not on this computer yet. Its tokens can be shown once it is downloaded."
        self._tokenizing = Task(
            self,
            lambda: datasets.tokenizer(run),
            done=lambda found: self.preview.show_tokenizer(found, absent),
            failed=lambda sentence: self.preview.show_tokenizer(None, sentence),
        )
