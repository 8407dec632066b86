"""The Log tab: what happened, line by line."""

import datetime
from pathlib import Path

from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.runs.record import LogLine, RunRecord
from app.style import theme
from app.widgets.card import Card, hbox, vbox
from app.widgets.check_box import CheckBox
from app.widgets.copy_button import CopyButton
from app.widgets.text_area import ReadOnlyText


class LogPage(QWidget):
    """The log of a record as text; each show_record() appends the lines that are new."""

    def __init__(self) -> None:
        super().__init__()
        self._record: RunRecord | None = None
        self._line_count = 0  # lines of the log that have been looked at
        layout = vbox(self, gap=theme.GRID)
        header = hbox(gap=8)
        self.problems_only = CheckBox(tr("Only notes and problems"))
        self.problems_only.toggled.connect(self._rewrite)
        header.addWidget(self.problems_only)
        header.addStretch()
        copy_button = CopyButton(tr("Copy the log, with your home folder's name left out"), self.diagnostics)
        copy_button.setText(tr("Copy"))
        header.addWidget(copy_button)
        layout.addLayout(header)
        self.text = ReadOnlyText(tr("Log of the run"))
        self.text.setPlaceholderText(tr("Nothing has happened yet."))
        card = Card()
        inner = vbox(card)
        inner.setContentsMargins(8, 8, 4, 8)
        inner.addWidget(self.text)
        layout.addWidget(card, 1)

    def show_record(self, record: RunRecord) -> None:
        """Append the lines that are not shown yet."""
        if record is not self._record:
            self._record = record
            self._rewrite()
            return
        for line in record.log[self._line_count :]:
            if not self.problems_only.isChecked() or line.level != "info":
                self.text.appendPlainText(format_line(line))
        self._line_count = len(record.log)

    def diagnostics(self) -> str:
        """The whole log, with the home folder written as ~."""
        lines = self._record.log if self._record else []
        return "\n".join(format_line(line) for line in lines).replace(str(Path.home()), "~")

    def _rewrite(self) -> None:
        self.text.clear()
        self._line_count = 0
        if self._record is not None:
            self.show_record(self._record)


def format_line(line: LogLine) -> str:
    """A line as text: the clock time, "Note" or "Problem", and what happened."""
    clock = datetime.datetime.fromtimestamp(line.time)
    mark = {"info": "", "note": "Note: ", "problem": "Problem: "}[line.level]
    return f"{clock:%H:%M:%S}  {mark}{line.text}"
