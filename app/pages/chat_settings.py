"""How answers are drawn in a chat: the system prompt, the sampling, and the model's memory."""

from typing import Any

from PySide6.QtCore import Signal

from app.desktop import preferences
from app.desktop.language import tr
from app.threads.chat_thread import Sampling
from app.widgets.buttons import plain_button
from app.widgets.card import Card, vbox
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption, heading
from app.widgets.line_edit import LineEdit
from app.widgets.scroll_page import ScrollPage
from app.widgets.spin_box import DecimalSpinBox, SpinBox
from app.widgets.text_area import TextArea

_MOST = (1 << 32) - 1  # the largest seed


class ChatSettings(Card):
    """The system prompt and the sampling. `free_memory` when the model is to be let go."""

    free_memory = Signal()

    def __init__(self) -> None:
        super().__init__()
        scroll = ScrollPage(margin=0)
        vbox(self, 14).addWidget(scroll)
        layout = scroll.content_layout
        layout.setSpacing(6)
        layout.addWidget(heading(tr("Settings")))
        self.system = TextArea(tr("System prompt"), tr("For example: Answer in one sentence."))
        self.system.setFixedHeight(84)
        defaults = Sampling()
        self.temperature = DecimalSpinBox(tr("Temperature"), 0.0, 2.0, 0.1)
        self.temperature.setValue(defaults.temperature)
        self.top_p = DecimalSpinBox(tr("Top-p"), 0.01, 1.0, 0.05)
        self.top_p.setValue(defaults.top_p)
        self.length = SpinBox(tr("Longest answer, in tokens"))
        self.length.setRange(1, 32768)
        self.length.setSingleStep(64)
        self.length.setValue(defaults.max_tokens)
        self.seed = LineEdit(tr("Seed"), tr("another one each time"))
        for label, field, meaning in (
            (
                tr("S&ystem prompt"),
                self.system,
                tr("What every answer should keep to."),
            ),
            (tr("&Temperature"), self.temperature, tr("0 gives the likeliest answer, always the same; 1 varies it.")),
            (
                tr("Top-&p"),
                self.top_p,
                tr("Draw only from the likeliest words that make up this share, at a temperature above 0."),
            ),
            (tr("&Longest answer, in tokens"), self.length, ""),
            (tr("S&eed"), self.seed, ""),
        ):
            name = Label(label, wrap=False)
            name.setBuddy(field)
            layout.addSpacing(6)
            layout.addWidget(name)
            layout.addWidget(field)
            if meaning:
                layout.addWidget(caption(meaning))
        self.seed_meaning = caption()
        layout.addWidget(self.seed_meaning)
        layout.addStretch()
        self.memory = caption(tr("The model is not loaded."))
        self.free_button = plain_button(tr("Free its memory"))
        disable(self.free_button, self.memory.text())
        self.free_button.clicked.connect(self.free_memory)
        layout.addWidget(self.memory)
        layout.addWidget(self.free_button)
        self._take(preferences.chat_settings())
        self.temperature.valueChanged.connect(self._update)
        self.seed.textChanged.connect(self._update)
        self._update()

    @property
    def sampling(self) -> Sampling:
        """How the next answer is drawn."""
        seed = self.seed.text().strip()
        return Sampling(
            self.length.value(), self.temperature.value(), self.top_p.value(), int(seed) if _is_seed(seed) else None
        )

    def keep(self) -> None:
        """Remember the settings for the next start."""
        values = {"system": self.system.toPlainText(), "temperature": self.temperature.value()}
        preferences.set_chat_settings(values | {"top_p": self.top_p.value(), "max_tokens": self.length.value()})

    def _take(self, values: dict[str, Any]) -> None:
        """Set the fields to what was kept; a value that is missing or damaged leaves its field as it is."""
        if isinstance(values.get("system"), str):
            self.system.setPlainText(values["system"])
        for name, field in (("temperature", self.temperature), ("top_p", self.top_p)):
            if isinstance(values.get(name), int | float):
                field.setValue(float(values[name]))
        if isinstance(values.get("max_tokens"), int):
            self.length.setValue(values["max_tokens"])

    def show_loaded(self, is_loaded: bool) -> None:
        """Say whether the model is in memory."""
        self.memory.setText(tr("The model is in memory.") if is_loaded else tr("The model is not loaded."))
        disable(self.free_button, "" if is_loaded else self.memory.text())

    def _update(self) -> None:
        """Top-p and seed do nothing at temperature 0, and only a whole number is a seed."""
        for field in (self.top_p, self.seed):
            disable(field, "" if self.temperature.value() > 0 else tr("It needs a temperature above 0."))
        seed = self.seed.text().strip()
        is_wrong = bool(seed) and not _is_seed(seed)
        self.seed.mark_wrong(is_wrong)
        self.seed_meaning.set_tone("bad" if is_wrong else "secondary")
        self.seed_meaning.setText(
            tr("A seed is a whole number from 0 to {most:,}. This one is not used.", most=_MOST)
            if is_wrong
            else tr("The same seed gives the same answer, also at a temperature above 0.")
        )


def _is_seed(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= _MOST
