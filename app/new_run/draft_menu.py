"""The drafts by name: the open one is saved under a name, and others are opened, renamed and deleted."""

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QDialog, QMenu, QWidget

from app.desktop.language import tr
from app.new_run.draft import Draft
from app.style import theme
from app.widgets.buttons import Button, primary_button
from app.widgets.card import vbox
from app.widgets.dialog_foot import DialogFoot
from app.widgets.labels import Label, heading
from app.widgets.line_edit import LineEdit
from app.widgets.message_box import MessageBox, Role, show_message
from app.widgets.tab_order import TabOrder
from core.errors import UserError

_WIDTH = 400  # at least
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
        menu.setToolTipsVisible(True)
        menu.addAction(tr("Save as…"), self._save_as)
        rename, delete = menu.addAction(tr("Rename…"), self._rename), menu.addAction(tr("Delete…"), self._delete)
        for action in (rename, delete):
            action.setEnabled(bool(draft.name))
            action.setToolTip("" if draft.name else tr("This draft has no name yet: save it first."))
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
        sentence = tr("What it says stays open here, without a name. Your files and runs stay.")
        box = MessageBox(self, tr("Delete the draft “{name}”?", name=name), sentence)
        delete_button = box.add_button(tr("Delete"), Role.DestructiveRole)
        box.add_button(tr("Keep it"), is_default=True)
        box.ask(lambda chosen: self._delete_now() if chosen is delete_button else None)

    def _delete_now(self) -> None:
        try:
            self._draft.delete()
        except UserError as error:
            self._complain(tr(str(error)))

    def _complain(self, sentence: str) -> None:
        show_message(self, sentence, tone="warn")


class NameDialog(TabOrder, QDialog):
    """Asks for a name, until `accept_name` takes it or the person gives up."""

    def __init__(self, parent: QWidget, title: str, name: str, accept_name: Callable[[str], None]) -> None:
        super().__init__(parent)
        self._accept_name = accept_name
        self.setWindowTitle(title)
        layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        layout.addStrut(_WIDTH - 2 * theme.MARGIN)
        layout.addWidget(heading(title))
        self.name = LineEdit(title)
        self.name.setText(name)
        self.name.selectAll()
        layout.addWidget(self.name)
        self.problem = Label("", "caption", tone="bad")  # has its place from the start, so that nothing moves
        layout.addWidget(self.problem)
        layout.addWidget(DialogFoot(self, primary_button(tr("Save"))))

    def accept(self) -> None:
        """Close once the name is taken; what is wrong with it is said below the field."""
        try:
            self._accept_name(self.name.text())
        except UserError as error:
            self.problem.setText(tr(str(error)))
            self.name.mark_wrong(True)
            return
        super().accept()
