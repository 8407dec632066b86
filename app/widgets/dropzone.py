"""The place to drop a file, with a button for those who do not drag. The window itself takes the drop."""

from PySide6.QtCore import Qt, Signal

from app.widgets.buttons import plain, quiet
from app.widgets.card import Card, column, row
from app.widgets.text import Glyph, Text, caption


class DropZone(Card):
    """Says what can be dropped; `choose` and `sample` when a button is pressed."""

    choose = Signal()
    sample = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.set_dashed(True)
        layout = row(self, 18, 16)
        layout.addWidget(Glyph("drop", "accent_text", 34), 0, Qt.AlignmentFlag.AlignVCenter)
        words = column(gap=2)
        words.addWidget(Text("Drop your data here, or anywhere on the window", bold=True))
        words.addWidget(caption("JSON, JSONL, CSV, Parquet or text, or a folder of them. Only read, never changed."))
        layout.addLayout(words, 1)
        self.choose_button = plain("Choose a file…", "file")
        self.sample_button = quiet("Use the sample data")
        layout.addWidget(self.sample_button)
        self.sample_button.hide()
        layout.addWidget(self.choose_button)
        self.choose_button.clicked.connect(self.choose)
        self.sample_button.clicked.connect(self.sample)
