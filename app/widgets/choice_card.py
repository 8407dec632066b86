"""A card that is chosen, one of a group: a radio button with a heading, words and a small line."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QFocusEvent, QMouseEvent
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QRadioButton, QWidget

from app.style import theme
from app.widgets.card import Card, column, row
from app.widgets.labels import Text, caption


class _Radio(QRadioButton):
    """Tells its card when the keyboard comes and goes."""

    focused = Signal(bool)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focused.emit(False)


class Choice(Card):
    """A radio button as a card. The whole card can be clicked."""

    def __init__(self, key: str, heading: str, text: str, small: str = "", aside: str = "") -> None:
        super().__init__()
        self.key = key
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.radio = _Radio()
        self.radio.setAccessibleName(heading)
        self.radio.setAccessibleDescription(" ".join(part for part in (text, small) if part))
        self.radio.toggled.connect(self.set_chosen)
        layout = row(self, 14, 10)
        layout.addWidget(self.radio, 0, Qt.AlignmentFlag.AlignTop)
        words = column(gap=3)
        head = row(gap=8)
        self._heading = Text(heading, bold=True)
        head.addWidget(self._heading, 1)
        if aside:
            head.addWidget(Text(aside, "caption", tone="secondary", wrap=False), 0, Qt.AlignmentFlag.AlignTop)
        words.addLayout(head)
        self._text = Text(text)
        self._text.setVisible(bool(text))
        words.addWidget(self._text)
        self.small = caption(small)
        self.small.setVisible(bool(small))
        words.addWidget(self.small)
        self.why = Text("", "caption", tone="warn")
        self.why.hide()
        words.addWidget(self.why)
        words.addStretch()
        layout.addLayout(words, 1)

    def set_text(self, text: str) -> None:
        """Change the words below the heading."""
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self.radio.setAccessibleDescription(text)

    def set_small(self, small: str, tone: str = "secondary") -> None:
        """Change the small line."""
        self.small.setText(small)
        self.small.set_tone(tone)
        self.small.setVisible(bool(small))

    def refuse(self, why: str) -> None:
        """Make it unavailable and say why; "" makes it available again."""
        self.why.setText(why)
        self.why.setVisible(bool(why))
        for part in (self.radio, self._heading, self._text):
            part.setEnabled(not why)
        if why:
            self.radio.setAccessibleDescription(why)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.rect().contains(event.position().toPoint()):
            self.radio.setFocus(Qt.FocusReason.MouseFocusReason)
            self.radio.click()

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()


class Choices(QWidget):
    """A group of cards in a grid; `chosen(key)` when a person picks one."""

    chosen = Signal(str)

    def __init__(self, columns: int = 1) -> None:
        super().__init__()
        self.cards: dict[str, Choice] = {}
        self._group = QButtonGroup(self)
        self._columns = columns
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.GRID + 4)
        for i in range(columns):
            self._grid.setColumnStretch(i, 1)
        self._place = 0  # of the next card, row by row

    def add(self, card: Choice) -> None:
        self.cards[card.key] = card
        self._group.addButton(card.radio)
        self._grid.addWidget(card, *divmod(self._place, self._columns))
        self._place += 1
        card.radio.clicked.connect(self._emitter(card.key))

    def add_heading(self, heading: QWidget) -> None:
        """A heading over the cards that come next."""
        line = -(-self._place // self._columns)
        self._grid.addWidget(heading, line, 0, 1, self._columns)
        self._place = (line + 1) * self._columns

    def clear(self) -> None:
        for card in self.cards.values():
            self._group.removeButton(card.radio)
            self._grid.removeWidget(card)
            card.deleteLater()
        self.cards = {}
        self._place = 0

    def choose(self, key: str) -> None:
        """Mark a card; a key that no card has marks none."""
        self._group.setExclusive(False)
        for name, card in self.cards.items():
            card.radio.setChecked(name == key)
        self._group.setExclusive(True)

    def _emitter(self, key: str) -> Callable[[], None]:
        return lambda: self.chosen.emit(key)
