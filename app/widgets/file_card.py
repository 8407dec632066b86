"""The card of the dataset's files: their name, a summary of their rows, and how much has been read."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent

from app.desktop.language import tr
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import ElidedLabel, IconLabel, Label
from app.widgets.progress_bar import ThinProgressBar

_GAP = 4


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
        self._head, self._foot = hbox(gap=_GAP), hbox(gap=_GAP)
        self._head.addWidget(self.name, 1)
        for button in (self.stop, self.change, self.sample, self.choose_other):
            self._head.addWidget(button)
        self._foot.addWidget(self.sentence, 1)
        text_layout = vbox(gap=1)
        text_layout.addLayout(self._head)
        text_layout.addLayout(self._foot)
        text_layout.addWidget(self.bar)
        layout.addLayout(text_layout, 1)
        self.bar.hide()
        self.stop.hide()

    def show_name(self, name: str, path: str) -> None:
        """Show another file's name, with its path as the tooltip."""
        self.name.show_text(name)
        self.name.setToolTip(path)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Where the name would be cut beside the buttons, the quiet ones stand in the line below it."""
        moved = (self.change, self.sample)
        buttons = sum(button.sizeHint().width() + _GAP for button in (*moved, self.choose_other))
        needed = self.name.fontMetrics().horizontalAdvance(self.name.text()) + buttons
        line = self._foot if needed > self._head.geometry().width() else self._head
        if line.indexOf(self.change) >= 0:
            return
        for button in moved:
            line.insertWidget(line.count() if line is self._foot else line.count() - 1, button)
