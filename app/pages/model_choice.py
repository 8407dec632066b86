"""Which model a conversation is with, and which others over the same base answer beside it."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.desktop import preferences
from app.desktop.language import tr, tr_count
from app.runs.chat_models import STARTER, ChatModel, from_folder, untrained
from app.threads import core_calls
from app.threads.task import Task
from app.widgets.buttons import plain_button
from app.widgets.card import hbox
from app.widgets.combo_box import ComboBox
from app.widgets.labels import Label

MOST_BESIDE = 3  # models beside the chosen one


class ModelChoice(QWidget):
    """`changed` when another model is chosen, `added(folder)` when an adapter was brought here, `failed(sentence)`
    where a folder has none."""

    changed = Signal()
    added = Signal(object)
    failed = Signal(str)
    missed = Signal(object)  # the folder of a model that was to be chosen, and is not there

    def __init__(self) -> None:
        super().__init__()
        self.beside: list[ChatModel] = []  # that answer beside the chosen model
        self._models: list[ChatModel] = [STARTER]
        self._added: list[ChatModel] = []  # adapter folders that are no runs
        self._wanted = ""  # the key of the model to choose once it is listed
        row = hbox(self)
        label = Label(tr("&Model"), wrap=False)
        self.box = ComboBox(tr("Model to chat with"), narrow=True)
        self.box.setMinimumWidth(220)
        self.box.setMaximumWidth(420)
        self.box.addItem(STARTER.title, STARTER.key)
        label.setBuddy(self.box)
        self.beside_button = plain_button("")
        self.menu = QMenu(self.beside_button)
        self.menu.setToolTipsVisible(True)
        self.beside_button.clicked.connect(self._open_menu)
        row.addWidget(label)
        row.addWidget(self.box, 1)
        row.addWidget(self.beside_button)
        row.addStretch()
        self.box.activated.connect(self._choose)
        self._update_menu()

    @property
    def chosen(self) -> ChatModel:
        """The model that the conversation is with."""
        return self._models[max(0, self.box.currentIndex())]

    def want(self, key: str) -> None:
        """Choose the model of this key (a run's folder) once it is listed; "" to stay with the one that is chosen."""
        self._wanted = key

    def show_models(self, models: list[ChatModel]) -> None:
        """Offer these models, and those that were added from folders."""
        current, wanted = self.chosen, self._wanted
        keys = {model.key for model in models}
        self._models = [*models, *(model for model in self._added if model.key not in keys)]
        self.box.clear()
        for model in self._models:
            self.box.addItem(model.title, model.key)
        is_missed = bool(wanted) and self.box.findData(wanted) < 0
        self.box.setCurrentIndex(max(0, self.box.findData(wanted if wanted and not is_missed else current.key)))
        if is_missed and Path(wanted).is_absolute():
            self.want("")
            self.missed.emit(Path(wanted))
        if self.chosen.key == wanted:
            self.want("")
        if self.chosen.key != current.key:
            self._change()
        else:
            self._update_menu()

    def put_beside(self, adapters: list[str]) -> None:
        """Have the models with these adapters ("" is the one without) answer beside the chosen one."""
        offered = [model for model in self._offered() if model.adapter in adapters]
        self.beside = offered[:MOST_BESIDE]
        self._update_menu()

    def add_folder(self, folder: Path) -> None:
        """Offer the adapter of a folder, which may come from elsewhere; its base has to be on this computer.

        Over the chosen model's base it answers beside it, over another one it is chosen.
        """
        Task(self, lambda: core_calls.adapter_base(folder), partial(self._add, folder), self.failed.emit)

    def _add(self, folder: Path, base: str) -> None:
        self.added.emit(folder)
        model = from_folder(folder, base or self.chosen.base)
        self._added = [*(other for other in self._added if other.key != model.key), model]
        if model.base == self.chosen.base and len(self.beside) < MOST_BESIDE:
            self.beside.append(model)
        else:
            self._wanted = model.key
        self.show_models([other for other in self._models if other not in self._added and other.key != model.key])

    def _offered(self) -> list[ChatModel]:
        """What can answer beside the chosen model: the same base without an adapter, or with another one."""
        chosen = self.chosen
        models = [untrained(chosen.run), *(m for m in self._models if m.base == chosen.base and m.adapter)]
        return [model for model in models if model.key != chosen.key]

    def _choose(self) -> None:
        """A person's own choice stands, whatever is listed later."""
        self.want("")
        self._change()

    def _change(self) -> None:
        self.beside = []
        self._update_menu()
        self.changed.emit()

    def _toggle(self, model: ChatModel, is_wanted: bool) -> None:
        self.beside = [*(other for other in self.beside if other.key != model.key), *([model] if is_wanted else [])]
        self._show_beside()

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("Choose an adapter's folder"), preferences.last_folder())
        if name:
            preferences.set_last_folder(str(Path(name).parent))
            self.add_folder(Path(name))

    def _open_menu(self) -> None:
        self.menu.popup(self.beside_button.mapToGlobal(self.beside_button.rect().bottomLeft()))

    def _update_menu(self) -> None:
        """Offer what can answer beside the chosen model."""
        self.menu.clear()
        self.actions_by_key: dict[str, QAction] = {}
        keys = {model.key for model in self.beside}
        for model in self._offered():
            action = QAction(model.title.replace("&", "&&"), self.menu)
            action.setCheckable(True)
            action.setChecked(model.key in keys)
            action.toggled.connect(partial(self._toggle, model))
            self.menu.addAction(action)
            self.actions_by_key[model.key] = action
        self.menu.addSeparator()
        folder_action = QAction(tr("An adapter's folder…"), self.menu)
        folder_action.triggered.connect(self._choose_folder)
        self.menu.addAction(folder_action)
        self._show_beside()

    def _show_beside(self) -> None:
        """Say on the button how many answer beside the chosen model, and offer no more than MOST_BESIDE."""
        count = len(self.beside)
        for action in self.actions_by_key.values():
            is_possible = action.isChecked() or count < MOST_BESIDE
            action.setEnabled(is_possible)
            most = tr("At most {count} can answer beside it: take one away first.", count=MOST_BESIDE)
            action.setToolTip(action.text() if is_possible else most)
        text = (
            tr_count("Compared with {count} other", "Compared with {count} others", count)
            if count
            else tr("Compare with…")
        )
        self.beside_button.setText(text)
        self.beside_button.updateGeometry()
