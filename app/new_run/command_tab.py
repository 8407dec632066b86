"""The tab Command and run.toml: the run as text, to copy."""

from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.new_run.command import command_line, run_toml
from app.style import theme
from app.widgets.card import Card, hbox, vbox
from app.widgets.copy_button import CopyButton
from app.widgets.labels import heading
from app.widgets.text_area import ReadOnlyText
from core.run import Run


class CommandTab(QWidget):
    """The command line and run.toml of a run, side by side."""

    def __init__(self) -> None:
        super().__init__()
        layout = hbox(self, gap=theme.GRID * 2)
        self.command = _TextPanel(tr("The same run on the command line"), tr("Copy the command"))
        self.toml = _TextPanel("run.toml", tr("Copy run.toml"))
        layout.addWidget(self.command, 1)
        layout.addWidget(self.toml, 1)

    def show_run(self, run: Run) -> None:
        """Show a run's texts."""
        self.command.text.setPlainText(command_line(run))
        self.toml.text.setPlainText(run_toml(run))


class _TextPanel(QWidget):
    """A read-only text with a heading and a button that copies it."""

    def __init__(self, name: str, button: str) -> None:
        super().__init__()
        layout = vbox(self, gap=theme.GRID)
        self.text = ReadOnlyText(name)
        head = hbox(gap=8)
        head.addWidget(heading(name), 1)
        head.addWidget(CopyButton(button, self.text.toPlainText))
        layout.addLayout(head)
        card = Card()
        inner = vbox(card)
        inner.setContentsMargins(8, 8, 4, 8)
        inner.addWidget(self.text)
        layout.addWidget(card, 1)
