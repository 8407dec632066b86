"""The files that are read: their name, what was found in them, how far reading has come."""

from PySide6.QtCore import Qt

from app.widgets.buttons import plain, quiet
from app.widgets.card import Card, column, row
from app.widgets.labels import Glyph, Text
from app.widgets.progress_bar import ThinBar


class FileCard(Card):
    """Words and buttons; whoever owns it fills them."""

    def __init__(self) -> None:
        super().__init__()
        layout = row(self, 12, 12)
        layout.addWidget(Glyph("file", "accent_text", 22), 0, Qt.AlignmentFlag.AlignTop)
        self.name = Text(bold=True)
        self.sentence = Text(tone="secondary")
        self.bar = ThinBar("How much of the file has been read")
        self.stop = quiet("Stop reading")
        self.change = quiet("Wrong? Map columns…")
        self.sample = quiet("Use the sample data")
        self.other = plain("Choose another…", "file")
        head = row(gap=4)
        head.addWidget(self.name, 1)
        for button in (self.stop, self.change, self.sample, self.other):
            head.addWidget(button)
        words = column(gap=1)
        words.addLayout(head)
        words.addWidget(self.sentence)
        words.addWidget(self.bar)
        layout.addLayout(words, 1)
        self.bar.hide()
        self.stop.hide()
