"""The place to drop a file, with buttons for those who do not drag. The window itself takes the drop."""

from PySide6.QtCore import Qt, Signal

from app.desktop.paste import DATASET_ID
from app.widgets.buttons import plain, quiet
from app.widgets.card import Card, column, row
from app.widgets.labels import Glyph, Text, caption
from app.widgets.line_edit import Entry


class DropZone(Card):
    """Says what can be dropped; `choose` and `sample` for the buttons, `use_id(name)` for a Hugging Face id."""

    choose = Signal()
    use_id = Signal(str)
    sample = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.set_dashed(True)
        layout = row(self, 18, 16)
        layout.addWidget(Glyph("drop", "accent_text", 34), 0, Qt.AlignmentFlag.AlignVCenter)
        words = column(gap=2)
        words.addWidget(Text("Drop your data here, anywhere on the window, or paste it", bold=True))
        words.addWidget(caption("JSON, JSONL, CSV, Parquet or text, or a folder of them. Only read, never changed."))
        layout.addLayout(words, 1)
        side = column(gap=6)
        self.choose_button = plain("Choose files…", "file")
        self.id = Entry("Hugging Face dataset id", "or a Hugging Face id, owner/name")
        self.id.setMinimumWidth(236)
        self.sample_button = quiet("Use the sample data")
        above = row(gap=4)
        above.addWidget(self.sample_button)
        above.addWidget(self.choose_button, 1)
        side.addLayout(above)
        side.addWidget(self.id)
        layout.addLayout(side)
        self.choose_button.clicked.connect(self.choose)
        self.sample_button.clicked.connect(self.sample)
        self.id.returnPressed.connect(self._use_id)

    def _use_id(self) -> None:
        name = self.id.text().strip()
        if DATASET_ID.fullmatch(name):
            self.id.clear()
            self.use_id.emit(name)
        else:
            self.id.selectAll()
