"""A message in a page: an icon, one sentence, and advice."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import IconLabel, Label

_ICONS = {"good": "ok", "warn": "warn", "bad": "bad", "accent": "info"}
_TITLES = {"good": tr("Done"), "warn": tr("Note"), "bad": tr("Problem"), "accent": tr("Note")}


class Notice(Card):
    """Hidden until show_message() is called. add_action() adds a button."""

    def __init__(self) -> None:
        super().__init__()
        layout = hbox(self, 14, 10)
        self._icon = IconLabel("info", "accent_text", 20)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        text_layout = vbox(gap=4)
        self.sentence = Label(bold=True, selectable=True)
        self.advice = Label(selectable=True)
        text_layout.addWidget(self.sentence)
        text_layout.addWidget(self.advice)
        layout.addLayout(text_layout, 1)
        self._actions = hbox(gap=8)
        layout.addLayout(self._actions)
        self.hide()

    def show_message(self, sentence: str, advice: str = "", tone: str = "bad") -> None:
        """Show a sentence with what to do about it; `tone` is "good", "warn", "bad" or "accent"."""
        self._icon.show_icon(_ICONS[tone], "accent_text" if tone == "accent" else tone)
        self.set_tone(tone)
        self.sentence.setText(sentence)
        self.advice.setText(advice)
        self.advice.setVisible(bool(advice))
        self.setAccessibleName(f"{_TITLES[tone]}: {self.sentence.text()}")
        self.show()

    def add_action(self, button: QWidget) -> None:
        """Add a button beside the message."""
        self._actions.addWidget(button)
