"""The foot of a dialog that asks for something: the button that does it, and Cancel, in the system's order."""

from PySide6.QtWidgets import QDialog, QDialogButtonBox

from app.desktop.language import tr
from app.widgets.buttons import Button, plain_button


class DialogFoot(QDialogButtonBox):
    """`accept` accepts the dialog; `cancel` is the other button."""

    def __init__(self, dialog: QDialog, accept: Button) -> None:
        super().__init__()
        self.cancel = plain_button(tr("Cancel"))
        accept.setDefault(True)  # Return in a field presses it
        self.cancel.setAutoDefault(True)  # and Cancel where that has the focus
        self.addButton(accept, QDialogButtonBox.ButtonRole.AcceptRole)
        self.addButton(self.cancel, QDialogButtonBox.ButtonRole.RejectRole)
        self.accepted.connect(dialog.accept)
        self.rejected.connect(dialog.reject)
