"""The chat template of a model that has none: which one to use, and what is special about it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.desktop import preferences
from app.preview.dataset_reader import Found
from app.widgets.card import column, row
from app.widgets.combo_box import Combo
from app.widgets.labels import Text, caption

_FILE = "file"
_LACKS = "This model has no chat template. Choose how conversations are written for it:"
_OTHER = "Conversations are written with another chat template than the model's own:"


class TemplateRow(QWidget):
    """Shown where a choice is needed, or was made. `changed(name)`: a template's name, a .jinja file, or None."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._chosen: str | None = None
        self._words = Text()
        self.combo = Combo("Chat template")
        self._words.setBuddy(self.combo)
        self._about = caption()
        line = row(gap=12)
        line.addWidget(self._words, 1)
        line.addWidget(self.combo)
        layout = column(self, gap=2)
        layout.addLayout(line)
        layout.addWidget(self._about)
        self.combo.activated.connect(self._pick)
        self.hide()

    def show_found(self, found: Found | None, chosen: str | None) -> None:
        """Show what goes with a tokenizer and the template chosen for it."""
        self.setVisible(found is not None and (not found.own or chosen is not None))
        if found is None:
            return
        from core.data.tokenize.templates import CHAT_TEMPLATES

        self._chosen = chosen
        self._words.setText(_OTHER if found.own else _LACKS)
        self.combo.clear()
        self.combo.addItem("The model's own" if found.own else "None: plain text", None)
        for name, choice in CHAT_TEMPLATES.items():
            self.combo.addItem(choice.title, name)
        if chosen is not None and chosen not in CHAT_TEMPLATES:
            self.combo.addItem(chosen.rpartition("/")[2], chosen)
        self.combo.addItem("From a .jinja file…", _FILE)
        self.combo.setCurrentIndex(self.combo.findData(chosen))
        about = CHAT_TEMPLATES[chosen].description if chosen in CHAT_TEMPLATES else ""
        self._about.setText(found.note or about)
        self._about.setVisible(bool(self._about.text()))

    def _pick(self) -> None:
        name = self.combo.currentData()
        if name == _FILE:
            name, _ = QFileDialog.getOpenFileName(
                self, "Choose a chat template", preferences.last_folder(), "Chat template (*.jinja)"
            )
            if not name:
                self.combo.setCurrentIndex(self.combo.findData(self._chosen))
                return
        if name != self._chosen:
            self.changed.emit(name)
