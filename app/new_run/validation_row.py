"""The line below the dataset that says what the run is evaluated on, and lets a person choose a file for that."""

from PySide6.QtWidgets import QFileDialog, QWidget

from app.desktop import preferences
from app.desktop.language import tr, tr_count
from app.new_run.draft import Draft
from app.runs.labels import files_label
from app.widgets.buttons import quiet_button
from app.widgets.card import hbox
from app.widgets.labels import caption
from core.data.read.files import ENDINGS
from core.data.read.packed import PACKED_ENDINGS, ZIP
from core.run import DEMO

_ENDINGS = [f"*{ending}{packed}" for ending in ENDINGS for packed in ("", *PACKED_ENDINGS)]
FILE_FILTER = tr("Data ({endings});;All files (*)", endings=" ".join([*_ENDINGS, f"*{ZIP}"]))


class ValidationRow(QWidget):
    """Says which rows are held out, and changes data.eval_path of the draft."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._set_aside = 0  # rows that the data hold out by themselves
        self._is_one_row = False  # there is nothing to divide
        layout = hbox(self, gap=8)
        self.sentence = caption()
        self.choose_button = quiet_button(tr("Use a second file for validation…"), "file")
        self.choose_button.clicked.connect(self._choose)
        self.clear_button = quiet_button(tr("Do not use it"), "reset")
        self.clear_button.clicked.connect(lambda: self._draft.set("data.eval_path", None))
        layout.addWidget(self.sentence, 1)
        layout.addWidget(self.clear_button)
        layout.addWidget(self.choose_button)

    def show_set_aside(self, rows: int, usable: int | None = None) -> None:
        """Show how many rows the data hold out by themselves; 0 where they hold out none, or are being read.

        `usable` rows can be learned from, once that is known.
        """
        self._set_aside, self._is_one_row = rows, usable == 1
        self.refresh()

    def refresh(self) -> None:
        """Show what the draft holds out now."""
        data = self._draft.run.data
        sentence = tr(
            "{eval_split:.0%} of the rows are held out to measure on; none of them is trained on.",
            eval_split=data.eval_split,
        )
        if self._is_one_row:
            sentence = tr("One row cannot be divided: nothing is held out to measure on.")
        if self._set_aside:
            sentence = tr_count(
                "Measured on the one row that the data set aside; it is never trained on.",
                "Measured on the {count:,} rows that the data set aside; none of them is trained on.",
                self._set_aside,
            )
        if data.path == DEMO:
            sentence = tr("The sample data brings held-out rows to measure on; none of them is trained on.")
        if not data.eval_split:
            sentence = tr("Nothing is held out: the run cannot say how it does on unseen examples.")
        if data.eval_path:
            sentence = tr("Measured on {files_label}, never trained on.", files_label=files_label(data.eval_path))
        self.sentence.setText(sentence)
        self.clear_button.setVisible(bool(data.eval_path))

    def _choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, tr("Choose the validation data"), preferences.last_folder(), FILE_FILTER
        )
        if path:
            self._draft.set("data.eval_path", path)
