"""The area that invites to drop a file, with buttons to choose one. The window itself receives the drop."""

from PySide6.QtCore import Qt, Signal

from app.desktop.language import tr
from app.desktop.paste import find_dataset_id
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import IconLabel, Label, caption
from app.widgets.line_edit import LineEdit

_WORDS = tr("JSON, JSONL, CSV, Parquet or text, or a folder of them. Only read, never changed.")
_NO_ID = tr("A dataset on Hugging Face is called owner/name, as on its page.")


class DropZone(Card):
    """Says what can be dropped. Signals `choose` and `sample` for its buttons, `use_id(name)` for a Hugging Face id."""

    choose = Signal()
    use_id = Signal(str)
    sample = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.set_dashed(True)
        layout = hbox(self, 18, 16)
        layout.addWidget(IconLabel("drop", "accent_text", 34), 0, Qt.AlignmentFlag.AlignVCenter)
        text_layout = vbox(gap=2)
        text_layout.addWidget(Label(tr("Drop your data here, anywhere on the window, or paste it"), bold=True))
        self.words = caption()
        text_layout.addWidget(self.words)
        layout.addLayout(text_layout, 1)
        side = vbox(gap=6)
        self.choose_button = plain_button(tr("Choose files…"), "file")
        self.id = LineEdit(tr("Hugging Face dataset id"), tr("Hugging Face: owner/name"))
        self.id.setMinimumWidth(236)
        self.sample_button = quiet_button(tr("Use the sample data"))
        buttons = hbox(gap=4)
        buttons.addWidget(self.sample_button)
        buttons.addWidget(self.choose_button, 1)
        side.addLayout(buttons)
        side.addWidget(self.id)
        layout.addLayout(side)
        self.choose_button.clicked.connect(self.choose)
        self.sample_button.clicked.connect(self.sample)
        self.id.returnPressed.connect(self._use_id)
        self.id.textChanged.connect(lambda: self._complain(False))
        self._complain(False)

    def _use_id(self) -> None:
        name = find_dataset_id(self.id.text())
        if name:
            self.id.clear()
            self.use_id.emit(name)
        elif self.id.text().strip():
            self.id.selectAll()
            self._complain(True)

    def _complain(self, is_wrong: bool) -> None:
        """Say what an id looks like, where the usual words stand."""
        self.id.mark_wrong(is_wrong)
        self.words.set_tone("bad" if is_wrong else "secondary")
        self.words.setText(_NO_ID if is_wrong else _WORDS)
