"""A conversation as bubbles: the person's messages on the right, the model's on the left."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import Label
from app.widgets.scroll_page import ScrollPage

_MAX_WIDTH = 620


class Bubble(Card):
    """One message."""

    def __init__(self, author: str, text: str) -> None:
        super().__init__()
        self.text = Label(text, selectable=True)
        self.text.setMinimumWidth(24)
        self.setMaximumWidth(_MAX_WIDTH)
        self.setAccessibleName(author)
        layout = vbox(self, 12, 2)
        layout.addWidget(Label(author, "caption", tone="secondary"))
        layout.addWidget(self.text)


class BubbleList(ScrollPage):
    """Messages one below the other; scrolled to the end when one is added."""

    def __init__(self) -> None:
        super().__init__(margin=0)
        self.content_layout.addStretch()
        self.setAccessibleName(tr("Conversation"))

    def add(self, author: str, text: str, from_user: bool) -> Bubble:
        """Add a message; with `from_user` on the right, in the accent's tint."""
        bubble = Bubble(author, text)
        if from_user:
            bubble.set_tone("accent")
        line = QWidget()
        layout = hbox(line)
        if from_user:
            layout.addStretch(1)
        layout.addWidget(bubble, 4)
        if not from_user:
            layout.addStretch(1)
        self.content_layout.insertWidget(self.content_layout.count() - 1, line)
        self.scroll_to_end()
        return bubble

    def clear(self) -> None:
        """Remove all messages."""
        while self.content_layout.count() > 1:
            item = self.content_layout.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()

    def scroll_to_end(self) -> None:
        """Scroll to the newest message, once the layout has settled."""
        QTimer.singleShot(0, self, lambda: self.verticalScrollBar().setValue(self.verticalScrollBar().maximum()))
