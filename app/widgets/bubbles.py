"""A conversation as bubbles: what was asked on the right, what the model said on the left."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from app.widgets.card import Card, column, row
from app.widgets.labels import Text
from app.widgets.scroll_page import Scroll

_WIDEST = 620


class Bubble(Card):
    """One message."""

    def __init__(self, who: str, words: str) -> None:
        super().__init__()
        self.text = Text(words, selectable=True)
        self.text.setMinimumWidth(24)
        self.setMaximumWidth(_WIDEST)
        self.setAccessibleName(who)
        layout = column(self, 12, 2)
        layout.addWidget(Text(who, "caption", tone="secondary"))
        layout.addWidget(self.text)


class Bubbles(Scroll):
    """Messages one below the other; stays at the end as they grow."""

    def __init__(self) -> None:
        super().__init__(margin=0)
        self.column.addStretch()
        self.setAccessibleName("Conversation")

    def add(self, who: str, words: str, mine: bool) -> Bubble:
        """A new message; `mine` puts it on the right, in the accent's tint."""
        bubble = Bubble(who, words)
        if mine:
            bubble.set_tone("accent")
        line = QWidget()
        layout = row(line)
        if mine:
            layout.addStretch(1)
        layout.addWidget(bubble, 4)
        if not mine:
            layout.addStretch(1)
        self.column.insertWidget(self.column.count() - 1, line)
        self.to_end()
        return bubble

    def clear(self) -> None:
        """Take all messages away."""
        while self.column.count() > 1:
            item = self.column.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()

    def to_end(self) -> None:
        """Scroll to the newest message, once the layout has settled."""
        QTimer.singleShot(0, self, lambda: self.verticalScrollBar().setValue(self.verticalScrollBar().maximum()))
