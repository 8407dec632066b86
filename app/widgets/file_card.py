"""The card of the dataset's files: their name, a summary of their rows, and how much has been read."""

from PySide6.QtCore import Qt

from app.desktop.language import tr
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import ElidedLabel, IconLabel, Label
from app.widgets.progress_bar import ThinProgressBar


class FileCard(Card):
    """Labels and buttons; the data step of New run fills and connects them."""

    def __init__(self) -> None:
        super().__init__()
        layout = hbox(self, 12, 12)
        layout.addWidget(IconLabel("file", "accent_text", 22), 0, Qt.AlignmentFlag.AlignTop)
        self.name = ElidedLabel("", bold=True)
        self.sentence = Label(tone="secondary")
        self.bar = ThinProgressBar(tr("How much of the file has been read"))
        self.stop = quiet_button(tr("Stop reading"))
        self.change = quiet_button(tr("Wrong? Map columns…"))
        self.sample = quiet_button(tr("Use the sample data"))
        self.choose_other = plain_button(tr("Choose another…"), "file")
        header = hbox(gap=4)
        header.addWidget(self.name, 1)
        for button in (self.stop, self.change, self.sample, self.choose_other):
            header.addWidget(button)
        text_layout = vbox(gap=1)
        text_layout.addLayout(header)
        text_layout.addWidget(self.sentence)
        text_layout.addWidget(self.bar)
        layout.addLayout(text_layout, 1)
        self.bar.hide()
        self.stop.hide()
