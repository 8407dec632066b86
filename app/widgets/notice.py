"""A message in the page: an icon, one sentence, what to do about it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.widgets.card import Card, column, row
from app.widgets.labels import Glyph, Text

_ICONS = {"good": "ok", "warn": "warn", "bad": "bad", "accent": "info"}
_WORDS = {"good": "Done", "warn": "Note", "bad": "Problem", "accent": "Note"}


class Notice(Card):
    """Hidden until say() is called. Buttons may be added."""

    def __init__(self) -> None:
        super().__init__()
        layout = row(self, 14, 10)
        self._glyph = Glyph("info", "accent_text", 20)
        layout.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        words = column(gap=4)
        self.sentence = Text(bold=True, selectable=True)
        self.advice = Text(selectable=True)
        words.addWidget(self.sentence)
        words.addWidget(self.advice)
        self._actions = row(gap=8)
        self._actions.addStretch()
        words.addLayout(self._actions)
        layout.addLayout(words, 1)
        self.hide()

    def say(self, sentence: str, advice: str = "", tone: str = "bad") -> None:
        self._glyph.show_icon(_ICONS[tone], "accent_text" if tone == "accent" else tone)
        self.set_tone(tone)
        self.sentence.setText(sentence)
        self.advice.setText(advice)
        self.advice.setVisible(bool(advice))
        self.setAccessibleName(f"{_WORDS[tone]}: {sentence}")
        self.show()

    def add_action(self, button: QWidget) -> None:
        """A button below the words."""
        self._actions.insertWidget(self._actions.count() - 1, button)
