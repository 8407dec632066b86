"""Radio buttons as cards: each has a heading, a text and a line of detail, and one card of a group is chosen."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QFocusEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QRadioButton, QScrollArea, QStyle, QStyleOptionButton, QWidget

from app.style import theme
from app.widgets.card import Card, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.focus_ring import is_from_keyboard
from app.widgets.labels import Label, caption


class _Radio(QRadioButton):
    """Signals when it gets the focus from the keyboard, and when it loses it. Its outline is that of an input."""

    focus_changed = Signal(bool)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(is_from_keyboard(event.reason()))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_changed.emit(False)

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        c = theme.colours(theme.palette())
        option = QStyleOptionButton()
        self.initStyleOption(option)
        box = self.style().subElementRect(QStyle.SubElement.SE_RadioButtonIndicator, option, self)
        circle = QRectF(box).adjusted(0.8, 0.8, -0.8, -0.8)
        is_chosen = self.isChecked() and self.isEnabled()
        outline = theme.mix(c.text, c.window, 0.5) if self.isEnabled() else c.separator
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(c.accent if is_chosen else outline, 1.6))
        painter.setBrush(c.accent if is_chosen else c.base)
        painter.drawEllipse(circle)
        if self.isChecked():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor("white") if is_chosen else outline)
            painter.drawEllipse(circle.center(), circle.width() / 5, circle.width() / 5)


class ChoiceCard(Card):
    """A radio button as a card. The whole card can be clicked.

    `detail` is the small line below the text, `corner` a small word in the upper right corner.
    """

    def __init__(self, key: str, heading: str, text: str, detail: str = "", corner: str = "") -> None:
        super().__init__()
        self.key = key
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.radio = _Radio()
        self.radio.setAccessibleName(heading)
        self.radio.toggled.connect(self.set_chosen)
        self.radio.focus_changed.connect(self.show_ring)
        self.radio.focus_changed.connect(self._reveal)
        layout = hbox(self, 14, 10)
        layout.addWidget(self.radio, 0, Qt.AlignmentFlag.AlignTop)
        text_layout = vbox(gap=3)
        header = hbox(gap=8)
        self._heading = Label(heading, bold=True)
        header.addWidget(self._heading, 1)
        self.corner = Label(corner, "caption", tone="secondary", wrap=False)
        header.addWidget(self.corner, 0, Qt.AlignmentFlag.AlignTop)
        text_layout.addLayout(header)
        self._text = Label(text)
        text_layout.addWidget(self._text)
        self.detail = caption(detail)
        text_layout.addWidget(self.detail)
        self.reason = Label("", "caption", tone="warn")
        text_layout.addWidget(self.reason)
        text_layout.addStretch()
        layout.addLayout(text_layout, 1)
        # Not before they lie in the card: what has no parent is shown as a window of its own.
        for label, shown in ((self._text, text), (self.detail, detail), (self.reason, ""), (self.corner, corner)):
            label.setVisible(bool(shown))
        self._describe()

    def set_text(self, text: str) -> None:
        """Change the text below the heading."""
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._describe()

    def set_detail(self, detail: str, tone: str = "secondary") -> None:
        """Change the line of detail."""
        self.detail.setText(detail)
        self.detail.set_tone(tone)
        self.detail.setVisible(bool(detail))
        self._describe()

    def set_corner(self, corner: str, tone: str = "secondary") -> None:
        """Change the small word in the upper right corner."""
        self.corner.setText(corner)
        self.corner.set_tone(tone)
        self.corner.setVisible(bool(corner))

    def disable(self, reason: str) -> None:
        """Make the card unavailable and show the reason; "" makes it available again."""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        for part in (self.radio, self._heading, self._text):
            disable(part, reason)
        self._describe()
        self.update()

    def _describe(self) -> None:
        """Let a screen reader say what stands on the card, why it cannot be chosen first."""
        words = (label.text() for label in (self.reason, self._text, self.detail))
        self.radio.setAccessibleDescription(" ".join(filter(None, words)))

    def _reveal(self, has_focus: bool) -> None:
        """Scroll the page until the whole card is seen: Qt does so for Tab alone, and for the radio button alone."""
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if has_focus and area is not None:
            area.ensureWidgetVisible(self, 0, theme.GRID)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.rect().contains(event.position().toPoint()):
            self.radio.setFocus(Qt.FocusReason.MouseFocusReason)
            self.radio.click()

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()


class ChoiceGroup(QWidget):
    """A group of cards in a grid; `chosen(key)` when a person picks one."""

    chosen = Signal(str)

    def __init__(self, columns: int = 1) -> None:
        super().__init__()
        self.cards: dict[str, ChoiceCard] = {}
        self._group = QButtonGroup(self)
        self._columns = columns
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.GRID + 4)
        for i in range(columns):
            self._grid.setColumnStretch(i, 1)
        self._cell = 0  # of the next card, row by row

    def add(self, card: ChoiceCard) -> None:
        self.cards[card.key] = card
        self._group.addButton(card.radio)
        self._grid.addWidget(card, *divmod(self._cell, self._columns))
        self._cell += 1
        card.radio.clicked.connect(self._emitter(card.key))

    def add_heading(self, heading: QWidget) -> None:
        """Add a heading above the cards that are added next."""
        row = -(-self._cell // self._columns)
        self._grid.addWidget(heading, row, 0, 1, self._columns)
        self._cell = (row + 1) * self._columns

    def clear(self) -> None:
        for card in self.cards.values():
            self._group.removeButton(card.radio)
            self._grid.removeWidget(card)
            card.deleteLater()
        self.cards = {}
        self._cell = 0

    def choose(self, key: str) -> None:
        """Mark the card with this key as chosen; a key that no card has marks none."""
        self._group.setExclusive(False)
        for name, card in self.cards.items():
            card.radio.setChecked(name == key)
        self._group.setExclusive(True)

    def _emitter(self, key: str) -> Callable[[], None]:
        return lambda: self.chosen.emit(key)
