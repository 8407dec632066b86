"""A segmented control: a row of small buttons of which one is chosen, to switch between views."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QWidget

from app.style import theme
from app.widgets.buttons import Button, quiet_button
from app.widgets.card import hbox


class SegmentedControl(QWidget):
    """`chosen(key)` when a person picks one."""

    chosen = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.buttons: dict[str, Button] = {}
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._layout = hbox(self, gap=2)
        self._layout.addStretch()

    def show_choices(self, choices: dict[str, str]) -> None:
        """Offer these choices, {key: title}, in this order."""
        if list(self.buttons) == list(choices):
            return
        for button in self.buttons.values():
            self._group.removeButton(button)
            self._layout.removeWidget(button)
            button.hide()  # deleteLater() deletes it only once the present events have been handled
            button.deleteLater()
        self.buttons = {}
        for key, title in choices.items():
            self._add(key, title)

    def choose(self, key: str) -> None:
        """Mark the button of this key as chosen."""
        if key in self.buttons:
            self.buttons[key].setChecked(True)

    def _add(self, key: str, title: str) -> None:
        button = quiet_button(title)
        button.setCheckable(True)
        button.setAutoExclusive(True)  # to a screen reader one of several, not a box to tick
        button.setFixedHeight(26)
        button.setFont(theme.font("caption"))
        self.buttons[key] = button
        self._group.addButton(button)
        self._layout.insertWidget(self._layout.count() - 1, button)
        button.clicked.connect(lambda: self.chosen.emit(key))
