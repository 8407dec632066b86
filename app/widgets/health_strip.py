"""A line on how a run is going: an icon, a sentence in the same tone, and a button where something can be done."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.widgets.buttons import plain_button
from app.widgets.card import Card, hbox
from app.widgets.labels import IconLabel, Label

_ICONS = {"good": "ok", "accent": "info", "warn": "warn", "bad": "bad"}
_STATES = {"good": tr("In order"), "accent": tr("Note"), "warn": tr("Note"), "bad": tr("Problem")}


class HealthStrip(Card):
    """`action_clicked(action)` with what show_health() was given."""

    action_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tone, self.action = "", ""
        layout = hbox(self, 10, 10)
        layout.setContentsMargins(12, 7, 8, 7)
        self.icon = IconLabel("info", "accent_text", 18)
        layout.addWidget(self.icon, 0, Qt.AlignmentFlag.AlignVCenter)
        self.sentence = Label(selectable=True)
        layout.addWidget(self.sentence, 1)
        self.button = plain_button(tr("Change…"))  # it has the words of what can be done when it is shown
        self.button.clicked.connect(lambda: self.action_clicked.emit(self.action))
        layout.addWidget(self.button)
        self.show_health("accent", "")

    def show_health(self, tone: str, sentence: str, action: str = "", button: str = "") -> None:
        """Show a sentence in a tone: "good", "accent", "warn" or "bad". `button` are the words for what can be done."""
        if tone != self.tone:
            self.tone = tone
            self.set_tone(tone)
            self.icon.show_icon(_ICONS[tone], "accent_text" if tone == "accent" else tone)
        self.action = action
        if self.sentence.text() != sentence:
            self.sentence.setText(sentence)
            self.setAccessibleName(sentence)
        self.sentence.setAccessibleDescription(_STATES[tone])
        if button:
            self.button.setText(button)
        self.button.setVisible(bool(button))
