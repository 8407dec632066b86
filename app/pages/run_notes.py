"""The dialog for a run's name, tags and notes."""

from pathlib import Path

from PySide6.QtWidgets import QDialog, QWidget

from app.desktop.language import tr
from app.runs.history import HistoryEntry
from app.runs.notes import MAX_NAME, make_notes, write_notes
from app.style import theme
from app.widgets.buttons import primary_button
from app.widgets.card import vbox
from app.widgets.dialog_foot import DialogFoot
from app.widgets.labels import Label, caption
from app.widgets.line_edit import LineEdit
from app.widgets.tab_order import TabOrder
from app.widgets.text_area import TextArea
from core.errors import UserError

NAME, TAGS, TEXT = "name", "tags", "text"
_WIDTH = 460  # at least


class RunNotesDialog(TabOrder, QDialog):
    """Shows what is written about a run, and writes it when it is accepted. `focus` is NAME, TAGS or TEXT."""

    def __init__(self, parent: QWidget, entry: HistoryEntry, focus: str = NAME) -> None:
        super().__init__(parent)
        self._folder: Path = entry.folder
        self.setWindowTitle(tr("Name, tags and notes"))
        self.setModal(True)
        layout = vbox(self, theme.MARGIN, 6)
        layout.addStrut(_WIDTH - 2 * theme.MARGIN)
        self.name = LineEdit(tr("Name"), entry.title)
        self.name.setText(entry.notes.name)
        self.name.setMaxLength(MAX_NAME)
        self.tags = LineEdit(tr("Tags"), tr("for example: first try, best"))
        self.tags.setText(", ".join(entry.notes.tags))
        self.text = TextArea(tr("Notes"))
        self.text.setPlainText(entry.notes.text)
        self.text.setMinimumHeight(120)
        for title, field, hint in (
            (tr("Name"), self.name, tr("Only here in the list. The folder keeps its name: {name}", name=entry.name)),
            (tr("Tags"), self.tags, tr("Divided by commas. The search finds them.")),
            (tr("Notes"), self.text, ""),
        ):
            label = Label(title, bold=True, wrap=False)
            label.setBuddy(field)
            layout.addWidget(label)
            layout.addWidget(field)
            if hint:
                layout.addWidget(caption(hint))
            layout.addSpacing(8)
        self.problem = Label(entry.notes_damage, tone="bad")
        self.problem.setVisible(bool(entry.notes_damage))
        layout.addWidget(self.problem)
        self.save_button = primary_button(tr("Save"))
        layout.addWidget(DialogFoot(self, self.save_button))
        {NAME: self.name, TAGS: self.tags, TEXT: self.text}[focus].setFocus()

    def accept(self) -> None:
        """Write the notes and close; where they cannot be written, say so and stay."""
        try:
            write_notes(self._folder, make_notes(self.name.text(), self.tags.text(), self.text.toPlainText()))
        except UserError as error:
            self.problem.setText(tr(str(error)))
            self.problem.show()
            return
        super().accept()
