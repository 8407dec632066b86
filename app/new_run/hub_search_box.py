"""Search the Hugging Face Hub for a model, or name one by its id or its folder."""

import re

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr, tr_count
from app.new_run.model_cards import describe_found
from app.threads import model_library
from app.threads.model_library import MLX_COMMUNITY, HubModel
from app.threads.task import Task
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.labels import Label
from app.widgets.line_edit import LineEdit
from app.widgets.segmented_control import SegmentedControl

_ID = re.compile(r"[\w.-]+/[\w.-]+")
_EVERYWHERE = ""  # no author: all of the Hub


class HubSearchBox(QWidget):
    """`chosen(id)` for a model that is picked or named; `choose_folder`, `edit_token` for the buttons beside it."""

    chosen = Signal(str)
    choose_folder = Signal()
    edit_token = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._task: Task | None = None
        self._author = _EVERYWHERE
        layout = vbox(self)
        row = hbox(gap=8)
        self.id = LineEdit(tr("Words of a model's name, or a Hugging Face id"), "Qwen/Qwen3-0.6B")
        self.search_button = plain_button(tr("Search"), "search")
        self.use_id = plain_button(tr("Use this id"))
        self.folder = plain_button(tr("Choose a folder…"), "folder")
        for part in (self.id, self.search_button, self.use_id, self.folder):
            row.addWidget(part, 1 if part is self.id else 0)
        layout.addLayout(row)
        line = hbox(gap=8)
        self.scope = SegmentedControl(tr("Where to search"))
        self.scope.show_choices({_EVERYWHERE: tr("All of Hugging Face"), MLX_COMMUNITY: tr("In 4 bits, for MLX")})
        self.scope.choose(_EVERYWHERE)
        self.token = quiet_button(tr("Access token…"))
        line.addWidget(self.scope, 1)
        line.addWidget(self.token)
        layout.addLayout(line)
        self.status = Label("", "caption", tone="secondary")
        layout.addWidget(self.status)
        self.results = ChoiceGroup()
        self.results.setAccessibleName(tr("Models that were found"))
        layout.addWidget(self.results)
        self.search_button.clicked.connect(self.search)
        self.use_id.clicked.connect(self._use_id)
        self.id.returnPressed.connect(self._take_words)
        self.folder.clicked.connect(self.choose_folder)
        self.token.clicked.connect(self.edit_token)
        self.scope.chosen.connect(self._set_scope)
        self.results.chosen.connect(self.chosen)
        self._tell("")

    def search(self) -> None:
        """Ask the Hub, in the background."""
        if self._task:
            self._task.cancel()
        text, author = self.id.text().strip(), self._author
        self._tell(tr("Searching…"))
        self._task = Task(self, lambda: model_library.search_hub(text, author), self._show_found, self._fail)

    def _take_words(self) -> None:
        """Enter: a whole id is used, other words are searched."""
        if _ID.fullmatch(self.id.text().strip()):
            self._use_id()
        else:
            self.search()

    def _set_scope(self, author: str) -> None:
        self._author = author
        self.search()

    def _show_found(self, models: list[HubModel]) -> None:
        self.results.clear()
        for model in models:
            card = describe_found(model)
            widget = ChoiceCard(card.path, card.title, card.text, card.detail, card.corner)
            if card.refused:
                widget.disable(card.refused)
            self.results.add(widget)
        none = tr("No text model in safetensors has such a name.")
        self._tell(tr_count("{count} model, the most downloaded first", "{count} models, the most downloaded first",
                            len(models)) if models else none)  # fmt: skip

    def _fail(self, sentence: str) -> None:
        self.results.clear()
        self._tell(sentence, "warn")

    def _use_id(self) -> None:
        text = self.id.text().strip()
        if _ID.fullmatch(text):
            self._tell("")
            self.chosen.emit(text)
        else:
            self._tell(tr("A Hugging Face id has the form owner/name, such as Qwen/Qwen3-0.6B."), "warn")

    def _tell(self, sentence: str, tone: str = "secondary") -> None:
        self.status.set_tone(tone)
        self.status.setText(sentence)
        self.status.setVisible(bool(sentence))
