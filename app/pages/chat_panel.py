"""What stands beside a conversation when it is asked for: how answers are drawn, and the conversations before."""

import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.desktop import preferences
from app.desktop.language import tr
from app.runs.chat_history import ChatHistory, KeptConversation
from app.threads.chat_thread import Sampling
from app.widgets.buttons import Button, plain_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import Label, caption, heading
from app.widgets.line_edit import LineEdit
from app.widgets.scroll_page import ScrollPage
from app.widgets.spin_box import DecimalSpinBox, SpinBox
from app.widgets.text_area import TextArea
from core.errors import UserError

WIDTH = 264
_LONGEST_TITLE = 80  # characters of a question
_ELIDE, _LEFT = Qt.TextElideMode.ElideRight, Qt.AlignmentFlag.AlignLeft


class ChatSettings(Card):
    """The system prompt and the sampling. `free_memory` when the model is to be let go."""

    free_memory = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(WIDTH)
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
            (tr("Top-&p"), self.top_p, tr("Draw only from the likeliest words that make up this share.")),
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
        layout.addStretch()
        self.memory = caption(tr("The model is not loaded."))
        self.free_button = plain_button(tr("Free its memory"))
        self.free_button.setEnabled(False)
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
        self.free_button.setEnabled(is_loaded)

    def _update(self) -> None:
        """Top-p and seed do nothing at temperature 0, and only a whole number is a seed."""
        for field in (self.top_p, self.seed):
            field.setEnabled(self.temperature.value() > 0)
        seed = self.seed.text().strip()
        self.seed.mark_wrong(bool(seed) and not _is_seed(seed))


class ChatHistoryList(Card):
    """The conversations that were kept of a model. `opened(path)` and `deleted(path)`; `failed(sentence)`."""

    opened = Signal(object)
    deleted = Signal(object)
    failed = Signal(str)

    def __init__(self, history: ChatHistory) -> None:
        super().__init__()
        self._history, self._key = history, ""
        self.setFixedWidth(WIDTH)
        layout = vbox(self, 14, 6)
        header = hbox(gap=0)
        header.addWidget(heading(tr("Earlier conversations")), 1)
        self.clear_button = quiet_button(tr("Delete all"))
        header.addWidget(self.clear_button)
        layout.addLayout(header)
        layout.addWidget(caption(tr("Of this model, on this computer alone.")))
        self._scroll = ScrollPage(margin=0)
        layout.addWidget(self._scroll, 1)
        self.rows: dict[Path, tuple[Button, Button]] = {}
        self.clear_button.clicked.connect(lambda: self._delete(list(self.rows)))

    def show_conversations(self, key: str) -> None:
        """List the conversations of a run's folder or a model's path."""
        self._key, kept = key, self._history.list(key)
        content = self._scroll.content_layout
        while item := content.takeAt(0):
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.rows = {}
        for conversation in kept:
            content.addWidget(self._build_row(conversation))
        if not kept:
            content.addWidget(Label(tr("None yet."), tone="secondary"))
        content.addStretch()
        self.clear_button.setEnabled(bool(kept))

    def _build_row(self, kept: KeptConversation) -> QWidget:
        row = QWidget()
        layout = hbox(row, gap=2)
        words = vbox(gap=0)
        title = " ".join(kept.title.split())[:_LONGEST_TITLE]
        open_button = quiet_button(self.fontMetrics().elidedText(title, _ELIDE, WIDTH - 100).replace("&", "&&"))
        open_button.setAccessibleName(tr("Open “{title}”", title=title))
        open_button.setToolTip(title)
        words.addWidget(open_button, 0, _LEFT)
        time = datetime.datetime.fromtimestamp(kept.time)
        when = caption(tr("{time:%d %b %H:%M}", time=time))
        when.setContentsMargins(9, 0, 0, 0)
        words.addWidget(when)
        layout.addLayout(words, 1)
        delete_button = quiet_button("", "trash")
        delete_button.setAccessibleName(tr("Delete “{title}”", title=title))
        delete_button.setToolTip(tr("Delete"))
        layout.addWidget(delete_button)
        open_button.clicked.connect(lambda: self.opened.emit(kept.path))
        delete_button.clicked.connect(lambda: self._delete([kept.path]))
        self.rows[kept.path] = (open_button, delete_button)
        return row

    def _delete(self, paths: list[Path]) -> None:
        for path in paths:
            try:
                self._history.delete(path)
            except UserError as error:
                self.failed.emit(tr(str(error)))
            else:
                self.deleted.emit(path)
        self.show_conversations(self._key)


def _is_seed(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 1 << 32
