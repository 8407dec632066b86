"""The drafts by name: the open one is saved under a name, and others are opened, renamed and deleted."""

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from app.desktop.language import tr
from app.desktop.message_box import MessageBox
from app.new_run.draft import Draft
from app.widgets.buttons import Button
from core.errors import UserError

_LONGEST_LABEL = 24  # characters of a name on the button


class DraftMenu(Button):
    """A button with the name of the open draft, and a menu of the others."""

    def __init__(self, draft: Draft) -> None:
        super().__init__("", "file", weight="quiet")
        self._draft = draft
        self.menu_ = QMenu(self)
        self.clicked.connect(self._open_menu)
        draft.name_changed.connect(self._show_name)
        self._show_name()

    def build_menu(self) -> QMenu:
        """The menu as it is to be shown now."""
        menu, draft = self.menu_, self._draft
        menu.clear()
        menu.addAction(tr("Save as…"), self._save_as)
        rename, delete = menu.addAction(tr("Rename…"), self._rename), menu.addAction(tr("Delete…"), self._delete)
        for action in (rename, delete):
            action.setEnabled(bool(draft.name))
        names = draft.named.names()
        if names:
            menu.addSeparator()
        for name in names:
            action = menu.addAction(name.replace("&", "&&"), partial(self._open, name))
            action.setCheckable(True)
            action.setChecked(name == draft.name)
        return menu

    def _open_menu(self) -> None:
        menu = self.build_menu()
        place = self.mapToGlobal(self.rect().topLeft())
        place.setY(place.y() - menu.sizeHint().height())  # the button stands at the foot of the page
        menu.popup(place)

    def _show_name(self) -> None:
        name = self._draft.name
        short = name if len(name) <= _LONGEST_LABEL else f"{name[:_LONGEST_LABEL]}…"
        self.setText((short or tr("Draft without a name")).replace("&", "&&"))
        self.setAccessibleName(tr("Drafts; open is: {name}", name=name or tr("Draft without a name")))
        self.setToolTip(name)
        self.updateGeometry()

    def _open(self, name: str) -> None:
        try:
            self._draft.open(name)
        except UserError as error:
            self._complain(tr(str(error)))

    def _save_as(self) -> None:
        NameDialog(self, tr("Save the draft as"), self._draft.name, self._draft.save_as).open()

    def _rename(self) -> None:
        NameDialog(self, tr("Rename the draft"), self._draft.name, self._draft.rename).open()

    def _delete(self) -> None:
        name = self._draft.name
        box = MessageBox(self, MessageBox.Icon.Question, tr("Delete the draft “{name}”?", name=name))
        box.setInformativeText(tr("What it says stays open here, without a name. Your files and runs stay."))
        delete_button = box.addButton(tr("Delete"), MessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(tr("Keep it"), MessageBox.ButtonRole.RejectRole))
        delete_button.clicked.connect(self._delete_now)
        box.open()

    def _delete_now(self) -> None:
        try:
            self._draft.delete()
        except UserError as error:
            self._complain(tr(str(error)))

    def _complain(self, sentence: str) -> None:
        box = MessageBox(self, MessageBox.Icon.Warning, sentence)
        box.setStandardButtons(MessageBox.StandardButton.Ok)
        box.open()


class NameDialog(QInputDialog):
    """Asks for a name, until `accept_name` takes it or the person gives up."""

    def __init__(self, parent: QWidget, title: str, name: str, accept_name: Callable[[str], None]) -> None:
        super().__init__(parent)
        self._accept_name = accept_name
        self.setWindowTitle(title)
        self.setLabelText(title)
        self.setTextValue(name)
        self.setMinimumWidth(360)

    def accept(self) -> None:
        """Close once the name is taken; what is wrong with it takes the label's place."""
        try:
            self._accept_name(self.textValue())
        except UserError as error:
            self.setLabelText(tr(str(error)))
            return
        super().accept()
