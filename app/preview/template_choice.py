"""A menu for the chat template, for models that bring none and runs that use another."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.desktop import preferences
from app.desktop.language import tr
from app.preview.dataset_reader import LoadedTokenizer
from app.widgets.card import hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.labels import Label, caption

_FILE = "file"
_LACKS = tr("This model has no chat template. Choose how conversations are written for it:")
_REPLACES = tr("Conversations are written with another chat template than the model's own:")


class TemplateRow(QWidget):
    """Shown where a template must be, or was, chosen. `changed(name)`: a template's name, a .jinja file, or None."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._chosen: str | None = None
        self._sentence = Label()
        self.combo = ComboBox(tr("Chat template"))
        self._sentence.setBuddy(self.combo)
        self._note = caption()
        line = hbox(gap=12)
        line.addWidget(self._sentence, 1)
        line.addWidget(self.combo)
        layout = vbox(self, gap=2)
        layout.addLayout(line)
        layout.addWidget(self._note)
        self.combo.activated.connect(self._pick)
        self.hide()

    def show_tokenizer(self, loaded: LoadedTokenizer | None, chosen: str | None) -> None:
        """Show the choices for a tokenizer, with the template that the run has chosen for it."""
        self.setVisible(loaded is not None and (not loaded.has_template or chosen is not None))
        if loaded is None:
            return
        from core.data.tokenize.templates import CHAT_TEMPLATES

        self._chosen = chosen
        self._sentence.setText(_REPLACES if loaded.has_template else _LACKS)
        self.combo.clear()
        self.combo.addItem(tr("The model's own") if loaded.has_template else tr("None: plain text"), None)
        for name, choice in CHAT_TEMPLATES.items():
            self.combo.addItem(choice.title, name)
        if chosen is not None and chosen not in CHAT_TEMPLATES:
            self.combo.addItem(chosen.rpartition("/")[2], chosen)
        self.combo.addItem(tr("From a .jinja file…"), _FILE)
        self.combo.setCurrentIndex(self.combo.findData(chosen))
        description = CHAT_TEMPLATES[chosen].description if chosen in CHAT_TEMPLATES else ""
        self._note.setText(loaded.note or description)
        self._note.setVisible(bool(self._note.text()))

    def _pick(self) -> None:
        name = self.combo.currentData()
        if name == _FILE:
            name, _ = QFileDialog.getOpenFileName(
                self, tr("Choose a chat template"), preferences.last_folder(), tr("Chat template (*.jinja)")
            )
            if not name:
                self.combo.setCurrentIndex(self.combo.findData(self._chosen))
                return
        if name != self._chosen:
            self.changed.emit(name)
