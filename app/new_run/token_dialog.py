"""A dialog that takes an access token of the Hugging Face Hub to the keychain. It never shows one."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QLineEdit, QWidget

from app.desktop.language import tr
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import plain_button, primary_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.disabled import disable
from app.widgets.labels import Label, heading
from app.widgets.line_edit import LineEdit
from app.widgets.tab_order import TabOrder
from core import hub_token

_WIDTH = 460  # at least
_TOKENS_PAGE = "https://huggingface.co/settings/tokens"


class TokenDialog(TabOrder, QDialog):
    """Keeps a token, or forgets the one that is kept; what became of it is said in a line."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Access token of Hugging Face"))
        layout = vbox(self, theme.MARGIN, theme.GRID + 4)
        layout.addStrut(_WIDTH - 2 * theme.MARGIN)
        layout.addWidget(heading(tr("Access token of Hugging Face")))
        layout.addWidget(
            Label(
                tr(
                    "Gated and private models come only with one. It goes to the keychain of this computer, never into "
                    "a run or a log, and is not shown again."
                ),
                tone="secondary",
            )
        )
        self.field = LineEdit(tr("Access token"), "hf_…")
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        layout.addWidget(self.field)
        self.status = Label("", "caption", tone="secondary")
        layout.addWidget(self.status)
        self.make = quiet_button(tr("Make one on huggingface.co…"))
        self.forget = plain_button(tr("Forget the token"))
        self.keep = primary_button(tr("Keep it"))
        self.close_button = plain_button(tr("Close"))
        row = hbox(gap=8)
        row.addWidget(self.make)
        row.addStretch()
        for button in (self.forget, self.close_button, self.keep):
            row.addWidget(button)
        layout.addLayout(row)
        self.make.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(_TOKENS_PAGE)))
        self.keep.clicked.connect(self._keep)
        self.field.returnPressed.connect(self._keep)
        self.forget.clicked.connect(self._forget)
        self.close_button.clicked.connect(self.reject)
        self.field.textChanged.connect(self._update)
        self._update()

    def _update(self) -> None:
        disable(self.keep, "" if self.field.text().strip() else tr("Paste a token first."))

    def _keep(self) -> None:
        token = self.field.text()
        self.field.clear()
        Task(self, lambda: hub_token.store_token(token), done=self._tell_place, failed=self._tell_failure)

    def _forget(self) -> None:
        Task(self, hub_token.delete_token, done=self._tell_forgotten, failed=self._tell_failure)

    def _tell_place(self, place: str) -> None:
        self._tell(tr("Kept in {place}.", place=place), "good")

    def _tell_forgotten(self, was_there: bool) -> None:
        self._tell(tr("Forgotten.") if was_there else tr("There was no token."), "secondary")

    def _tell_failure(self, sentence: str) -> None:
        self._tell(sentence, "bad")

    def _tell(self, sentence: str, tone: str) -> None:
        self.status.set_tone(tone)
        self.status.setText(sentence)
