"""The Log tab: what happened, line by line."""

import datetime
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QPlainTextEdit, QWidget

from app.runs.record import Line, Record
from app.style import theme
from app.widgets.card import Card, column, row
from app.widgets.copy_button import CopyButton
from app.widgets.scrollbar import thin


class LogPage(QWidget):
    """Appends what is new of a record's log."""

    def __init__(self) -> None:
        super().__init__()
        self._record: Record | None = None
        self._shown = 0
        layout = column(self, gap=theme.GRID)
        head = row(gap=8)
        self.only = QCheckBox("Only notes and problems")
        self.only.toggled.connect(self._again)
        head.addWidget(self.only)
        head.addStretch()
        copy = CopyButton("Copy the log, with your home folder's name left out", self.diagnostics)
        copy.setText("Copy")
        head.addWidget(copy)
        layout.addLayout(head)
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setFont(theme.monospace())
        self.text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.text.setAccessibleName("Log of the run")
        thin(self.text)
        self.text.setTabChangesFocus(True)
        self.text.setPlaceholderText("Nothing has happened yet.")
        card = Card()
        inner = column(card)
        inner.setContentsMargins(8, 8, 4, 8)
        inner.addWidget(self.text)
        layout.addWidget(card, 1)

    def show_record(self, record: Record) -> None:
        """Write the lines that are not there yet."""
        if record is not self._record:
            self._record = record
            self._again()
            return
        for line in record.log[self._shown :]:
            if not self.only.isChecked() or line.level != "info":
                self.text.appendPlainText(words(line))
        self._shown = len(record.log)

    def diagnostics(self) -> str:
        """The whole log, with the home folder written as ~."""
        lines = self._record.log if self._record else []
        return "\n".join(words(line) for line in lines).replace(str(Path.home()), "~")

    def _again(self) -> None:
        self.text.clear()
        self._shown = 0
        if self._record is not None:
            self.show_record(self._record)


def words(line: Line) -> str:
    """A line as text: clock time, what it is, what happened."""
    clock = datetime.datetime.fromtimestamp(line.time)
    mark = {"info": "", "note": "Note: ", "problem": "Problem: "}[line.level]
    return f"{clock:%H:%M:%S}  {mark}{line.text}"
