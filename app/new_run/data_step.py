"""Step 2: the data to learn from. Drop a file, see what Hone finds in it and what the model will see."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from app.desktop import preferences
from app.desktop.drops import split_data_files
from app.desktop.language import tr
from app.new_run import goals
from app.new_run.column_mapping import ColumnMapping, layouts_with_context
from app.new_run.data_notice import DataNotice
from app.new_run.data_reading import DataReading
from app.new_run.draft import Draft
from app.new_run.validation_row import FILE_FILTER, ValidationRow
from app.preview import dataset_reader
from app.preview.view import Preview
from app.runs import datasets
from app.runs.labels import data_label
from app.runs.phase_text import describe_phase
from app.style import theme
from app.widgets.buttons import quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.drop_zone import DropZone
from app.widgets.file_card import FileCard
from app.widgets.focus_ring import hand_on_focus
from app.widgets.labels import title
from core.data.format.mapping import ASSISTANT
from core.events import Phase
from core.run import DEMO
from core.text.sentence import join

if TYPE_CHECKING:
    from core.data.preview.scan import FilePreview, ScanResult

_ADVICE = tr("Put the file right and choose it again, or choose another one. Everything else you set is kept.")
_MAP_ADVICE = tr("Say below which column is what.")
_MAP_FIRST = tr("Say first which column is what.")
_SPEAKER_ADVICE = tr("Choose below who is the assistant, whose messages are learned.")
_SPEAKER_FIRST = tr("Choose first who is the assistant, whose messages are learned.")
_LOW = 560  # pixels of height below which the rows matter more than the heading
# What reading depends on.
_READ_KEYS = ("data.path", "data.eval_path", "data.columns", "data.exclude", "data.fill_in")


class DataStep(QWidget):
    """Reads the chosen files in the background and shows them, the first rows at once. `show_help` for their page."""

    name = tr("Data")
    show_help = Signal()

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._reading = DataReading(self, self._show_item, self._finish_reading, self._show_failure)
        self._problem = ""
        self.head: FilePreview | None = None
        self.scanned: ScanResult | None = None  # the summary of all rows, once they have been read
        self._can_validate = True  # on rows of a second file, or of this one
        layout = self._layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        self._head = QWidget()
        head = hbox(self._head, gap=8)
        head.addWidget(title(tr("What should it learn from?")), 1)
        self.help_button = quiet_button(tr("About data files"), "info")
        head.addWidget(self.help_button)
        layout.addWidget(self._head)
        self.zone = DropZone()
        layout.addWidget(self.zone)
        self.notice = DataNotice()
        self.file = FileCard()
        layout.addWidget(self.file)
        self.columns = ColumnMapping()
        layout.addWidget(self.columns)
        self.columns.installEventFilter(self)
        self.preview = Preview()
        layout.addWidget(self.preview, 100)
        layout.addWidget(self.notice)  # below what is read: nothing of it moves when the notice comes
        layout.addStretch(1)
        self.validation = ValidationRow(draft)
        layout.addWidget(self.validation)
        for part in (self.file, self.preview):  # nothing has been read yet
            part.hide()
        self._connect()

    def _connect(self) -> None:
        self.help_button.clicked.connect(self.show_help)
        self.file.stop.clicked.connect(self._stop)
        self.file.change.clicked.connect(self._show_columns)
        self.file.sample.clicked.connect(lambda: self._use_data(DEMO))
        self.file.choose_other.clicked.connect(self.choose)
        self.notice.switched.connect(self._switch)
        self.notice.misfit_found.connect(self._show_misfit)
        self.zone.choose.connect(self.choose)
        self.zone.sample.connect(lambda: self._use_data(DEMO))
        self.zone.use_id.connect(self._use_data)
        self.columns.changed.connect(lambda entries: self._draft.set("data.columns", entries))
        self.preview.changed.connect(self._draft.set)
        self.preview.needs_tokenizer.connect(lambda: self.preview.load_tokenizer(self._draft.run))
        self.preview.map_columns.connect(self._show_columns)
        self.preview.use_as_context.connect(self._use_as_context)
        self.preview.failed.connect(self._show_failure)
        self._draft.changed.connect(self._update)

    def enter(self) -> None:
        """Read the files of the draft, unless their rows are shown already and they have not changed since."""
        if not self._reading.is_of(self._draft.run):
            self._start_reading()
        self.validation.refresh()

    def blocked_reason(self) -> str:
        """The reason why the next step has to wait, or ""."""
        if self._problem:
            return self._problem
        return "" if self.scanned or (self.head and self.head.examples) else tr("The file is still being read.")

    def choose(self) -> None:
        """Let the person choose files, and learn from them."""
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Choose your data"), preferences.last_folder(), FILE_FILTER)
        if paths:
            preferences.set_last_folder(str(Path(paths[0]).parent))
            self._use_data(*split_data_files([Path(path) for path in paths]))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.columns and event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
            self._make_room()
        return super().eventFilter(watched, event)

    def _make_room(self) -> None:
        """In a low window the rows have the room of what can wait: the heading, which the rail above says as well, and
        while columns are mapped the validation data."""
        is_low = self.height() <= _LOW
        self._head.setVisible(not is_low)
        top = theme.GRID if is_low else theme.MARGIN
        self._layout.setContentsMargins(theme.MARGIN, top, theme.MARGIN, theme.MARGIN)
        self.validation.setVisible(self._can_validate and not (is_low and not self.columns.isHidden()))

    def _show_validation(self, can_validate: bool) -> None:
        self._can_validate = can_validate
        self._make_room()

    def _use_data(self, path: str, eval_path: str | None = None) -> None:
        """Learn from other data. Validation data chosen before belonged to the old data, and goes with them."""
        self._draft.set("data.eval_path", eval_path)
        self._draft.set("data.path", path)

    def _update(self, key: str) -> None:
        if key in ("", "method", *_READ_KEYS):
            self.enter() if self.isVisible() or key in ("", "data.path") else None
        elif key.startswith("data."):
            self.validation.refresh()
        if key in ("", "model.path", "model.revision", "data.chat_template"):
            self.preview.drop_tokenizer()
        self.preview.show_run(self._draft.run)

    def _start_reading(self) -> None:
        run = self._draft.run
        # The same files, only understood in another way: what stands on the page stays until they are read again.
        same_files = self._reading.has_files_of(run) and self.head is not None
        self._problem = ""
        self.head = self.scanned = None
        self.validation.show_set_aside(0)
        self._show_validation(True)
        self.file.show_name(data_label(run), run.data.path)
        if not same_files:
            self.file.sentence.setText(tr("Reading…"))
            self.columns.hide()
        self.file.sentence.set_tone("secondary")
        self.file.show()
        self.preview.show()
        self.zone.sample_button.hide()
        self._show_choices(own_data=run.data.path != DEMO)
        self.notice.clear()
        self._reading.start(run)

    def _show_choices(self, own_data: bool) -> None:
        """The invitation stays as long as only the sample is there; then the file's card offers other files."""
        buttons = (self.file.choose_other, self.file.sample, self.file.change)
        if own_data:
            for button in buttons:
                button.show()
            hand_on_focus(self.zone, self.file.choose_other)
            self.zone.hide()
        else:
            self.zone.show()
            hand_on_focus(self.file, self.zone.choose_button)
            for button in buttons:
                button.hide()

    def _show_item(self, item: "Phase | FilePreview | dataset_reader.ReadUpdate | ScanResult") -> None:
        """Show what the reader has just brought."""
        from core.data.preview.scan import FilePreview, ScanResult

        run = self._draft.run
        if isinstance(item, Phase):
            self.file.sentence.setText(describe_phase(item))
        elif isinstance(item, FilePreview):
            self.head = item
            columns = item.format.columns
            self.preview.problems.can_use_context = bool(layouts_with_context(run.spec.data, columns))
            self.preview.show_head(item, run)
            self.preview.show_run(run)
            self.columns.show_columns(run.spec.data, item.file_columns, run.data.columns, item.speakers)
        elif isinstance(item, dataset_reader.ReadUpdate):
            self._show_update(item)
        elif isinstance(item, ScanResult):
            self._show_scanned(item)

    def _show_update(self, update: dataset_reader.ReadUpdate) -> None:
        if self.head is None:
            return
        self.preview.show_update(update, self.head)
        progress = update.progress
        if progress.done < progress.size:
            rows = tr("{name}: {rows:,} rows read", name=self.head.format.name, rows=progress.index.rows)
            self.file.sentence.setText(tr("{rows}, {fraction:.0%} of the file…", rows=rows, fraction=progress.fraction))
            self.file.bar.show_share(progress.fraction)
            self.file.bar.show()
            self.file.stop.show()

    def _show_scanned(self, scanned: "ScanResult") -> None:
        self.scanned = scanned
        self.validation.show_set_aside(scanned.set_aside, scanned.usable)
        self._show_validation(True)
        self.preview.show_scanned(scanned)
        sentence = scanned.sentence
        if scanned.left_out:
            rows = tr("1 row is") if scanned.left_out == 1 else tr("{left_out:,} rows are", left_out=scanned.left_out)
            sentence += tr(" {rows} left out, see Problems.", rows=rows)
            self.file.sentence.set_tone("warn")
        self.file.sentence.setText(sentence)
        if scanned.usable and self.head is not None:
            count, name = scanned.index.rows, self.head.format.name
            datasets.remember(self._draft.run, name, count, scanned.left_out, scanned.problems)
        if not scanned.usable:
            self._show_unusable(scanned)
        else:
            self.notice.look_for_richer(self._draft.run)

    def _switch(self, method: str) -> None:
        """Take the method that learns from these rows; the notice with its button goes."""
        hand_on_focus(self.notice, self.preview.tabs.bar)
        self._draft.set("method", method)

    def _show_misfit(self, misfit: goals.Misfit) -> None:
        self._problem = tr(join((misfit.reason, misfit.sentence)))
        self.columns.hide()
        if self.scanned is not None:  # its columns are known, only not to the chosen method
            self.file.sentence.setText(tr("{rows:,} rows", rows=self.scanned.index.rows))
            self.file.sentence.set_tone("secondary")
        advice = tr("{reason} Nothing is wrong with the file.", reason=misfit.reason)
        self.notice.offer(misfit.fitting[0], misfit.sentence, advice)

    def _show_unusable(self, scanned: "ScanResult") -> None:
        """No row can be used: say the reason, and what would help."""
        self.notice.look_for_misfit(self._draft.run)
        errors = [f for f in self.preview.problems.findings if f.severity == "error"]
        self._problem = tr(str(errors[0])) if errors else tr("There is no row to learn from in this file.")
        is_role = bool(errors) and (
            errors[0].code == "role" or (errors[0].code == "no-answer" and self._has_assistant())
        )
        if errors and (is_role or errors[0].code in ("columns", "column")):
            sentence = scanned.sentence if errors[0].code == "columns" else errors[0].message
            self.file.sentence.setText(join((sentence, _SPEAKER_ADVICE if is_role else _MAP_ADVICE)))
            # in place of the command line's way to say it
            self._problem = tr(join((sentence, _SPEAKER_FIRST if is_role else _MAP_FIRST)))
            self.preview.tabs.show_page(self.preview.rows)
            self._show_columns()
        else:
            self.notice.show_message(self._problem, _ADVICE)

    def _has_assistant(self) -> bool:
        """Whether somebody in a chat was chosen as the assistant."""
        return any(entry.startswith(f"{ASSISTANT}=") for entry in self._draft.run.data.columns)

    def _finish_reading(self, _: object) -> None:
        self.file.bar.hide()
        self.file.stop.hide()

    def _stop(self) -> None:
        """Stop reading; the rows read so far stay."""
        self._reading.stop()
        self._finish_reading(None)
        if self.head is not None:
            self.file.sentence.setText(
                tr("{name}: reading was stopped. A run reads all of it.", name=self.head.format.name)
            )

    def _show_failure(self, sentence: str) -> None:
        self._finish_reading(None)
        self._problem = sentence
        self.head = None
        self.file.hide()
        self.columns.hide()
        self._show_validation(False)
        self.zone.show()
        self.zone.sample_button.show()
        self.preview.show_head(None, self._draft.run)
        self.preview.hide()
        self.notice.show_message(sentence, _ADVICE)
        self.notice.look_for_misfit(self._draft.run)

    def _show_columns(self) -> None:
        if self.head is not None:
            run = self._draft.run
            self.columns.show_columns(run.spec.data, self.head.file_columns, run.data.columns, self.head.speakers)
            self.columns.show()

    def _use_as_context(self) -> None:
        """Map the columns that hold texts and that nothing reads to the context of the question."""
        if self.head is not None and self.head.format.unread_content:
            self._show_columns()
            self.columns.use_as_context(self.head.format.unread_content)
