"""What a model is called in Ollama, its system message there, and where its files go."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from app.desktop import preferences
from app.desktop.language import tr
from app.style import theme
from app.threads.export_calls import ExportJob
from app.widgets.buttons import primary_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.dialog_foot import DialogFoot
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption, heading
from app.widgets.line_edit import LineEdit
from app.widgets.tab_order import TabOrder
from app.widgets.text_area import TextArea

_WIDTH = 460  # at least


class OllamaSheet(TabOrder, QDialog):
    """`confirmed` with the job, once a name is there."""

    confirmed = Signal(object)

    def __init__(self, parent: QWidget, job: ExportJob, name: str, folder: Path) -> None:
        super().__init__(parent)
        self._job, self._folder = job, folder
        self.setWindowTitle(tr("Send to Ollama"))
        self.setModal(True)
        layout = vbox(self, theme.MARGIN, 6)
        layout.addStrut(_WIDTH - 2 * theme.MARGIN)
        layout.addWidget(heading(tr("Send to Ollama")))
        layout.addSpacing(6)
        self.name = LineEdit(tr("Name in Ollama"), "my-model")
        self.name.setText(name)
        self.system = TextArea(tr("System message"), tr("For example: Answer in one sentence."))
        self.system.setFixedHeight(84)
        for title, field, hint in (
            (tr("Name in Ollama"), self.name, tr("Lower case letters, digits, points and dashes.")),
            (tr("System message"), self.system, tr("What every answer should keep to. It may be left empty.")),
        ):
            label = Label(title, bold=True, wrap=False)
            label.setBuddy(field)
            layout.addWidget(label)
            layout.addWidget(field)
            layout.addWidget(caption(hint))
            layout.addSpacing(8)
        layout.addWidget(Label(tr("Its files"), bold=True, wrap=False))
        row = hbox(gap=8)
        self.place = caption(str(folder))
        self.change = quiet_button(tr("Change…"), "folder")
        row.addWidget(self.place, 1)
        row.addWidget(self.change)
        layout.addLayout(row)
        layout.addSpacing(8)
        self.send = primary_button(tr("Send"), "send")
        self.foot = DialogFoot(self, self.send)
        layout.addWidget(self.foot)
        self.change.clicked.connect(self._choose_folder)
        self.name.textChanged.connect(
            lambda text: disable(self.send, "" if text.strip() else tr("Give it a name first."))
        )
        self.accepted.connect(self._confirm)
        self.finished.connect(self.deleteLater)

    def use_folder(self, folder: Path) -> None:
        """Write the files into this new folder."""
        self._folder = folder
        self.place.setText(str(folder))

    def _choose_folder(self) -> None:
        options = QFileDialog.Option.DontConfirmOverwrite
        path, _ = QFileDialog.getSaveFileName(self, tr("A new folder for it"), str(self._folder), options=options)
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self.use_folder(Path(path))

    def _confirm(self) -> None:
        name, system = self.name.text().strip(), self.system.toPlainText().strip()
        self.confirmed.emit(replace(self._job, output=str(self._folder), name=name, system=system))
