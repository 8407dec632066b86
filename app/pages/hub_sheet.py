"""Where a result goes on the Hugging Face Hub, and who can read it there."""

from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QWidget

from app.desktop.language import tr
from app.style import theme
from app.threads.export_calls import ExportJob
from app.widgets.buttons import primary_button
from app.widgets.card import vbox
from app.widgets.check_box import CheckBox
from app.widgets.dialog_foot import DialogFoot
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption, heading
from app.widgets.line_edit import LineEdit
from app.widgets.tab_order import TabOrder

_WIDTH = 460  # at least


class HubSheet(TabOrder, QDialog):
    """`confirmed` with the job, once an owner and a name are there. Private unless the person says otherwise."""

    confirmed = Signal(object)

    def __init__(self, parent: QWidget, job: ExportJob, name: str) -> None:
        super().__init__(parent)
        self._job = job
        self.setWindowTitle(tr("Upload to Hugging Face"))
        self.setModal(True)
        layout = vbox(self, theme.MARGIN, 6)
        layout.addStrut(_WIDTH - 2 * theme.MARGIN)
        layout.addWidget(heading(tr("Upload to Hugging Face")))
        layout.addSpacing(6)
        label = Label(tr("Name on the Hub"), bold=True, wrap=False)
        self.name = LineEdit(tr("Name on the Hub"), f"your-name/{name}")
        label.setBuddy(self.name)
        layout.addWidget(label)
        layout.addWidget(self.name)
        layout.addWidget(caption(tr("Owner and name. It is made there where it does not exist yet.")))
        layout.addSpacing(8)
        self.public = CheckBox(tr("Everybody may read it"))
        self.name_data = CheckBox(tr("Name the data in the model card"))
        self.overwrite = CheckBox(tr("Replace what is there"))
        for box in (self.public, self.name_data, self.overwrite):
            layout.addWidget(box)
        layout.addWidget(
            caption(
                tr(
                    "The card says what it was trained from and how. Paths and names of this computer stay here. The "
                    "access token is the one under New run, Model, Access token."
                )
            )
        )
        layout.addSpacing(8)
        self.upload = primary_button(tr("Upload"), "send")
        self.foot = DialogFoot(self, self.upload)
        layout.addWidget(self.foot)
        self.name.textChanged.connect(self._update)
        self._update()
        self.accepted.connect(self._confirm)
        self.finished.connect(self.deleteLater)

    def _update(self) -> None:
        disable(self.upload, "" if _is_id(self.name.text()) else tr("Give owner and name, with a / between them."))

    def _confirm(self) -> None:
        self.confirmed.emit(
            replace(
                self._job,
                output=self.name.text().strip(),
                public=self.public.isChecked(),
                name_data=self.name_data.isChecked(),
                overwrite=self.overwrite.isChecked(),
            )
        )


def _is_id(text: str) -> bool:
    """Whether a text looks like owner/name; what the Hub takes is checked where it is uploaded."""
    owner, _, name = text.strip().partition("/")
    return bool(owner and name and "/" not in name)
