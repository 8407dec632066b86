"""A text whose changed words are marked: underlined, and on a ground of their own."""

import html
from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QLabel

from app.desktop.language import tr
from app.style import theme
from app.widgets.labels import Label
from app.widgets.long_words import break_words


class DiffLabel(Label):
    """show_pieces() takes what app.runs.differences.mark_changes() gives."""

    def __init__(self) -> None:
        self._pieces: list[tuple[str, bool]] = []
        super().__init__(selectable=True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)

    def show_pieces(self, pieces: Sequence[tuple[str, bool]]) -> None:
        """Show a text in pieces, each with whether it is marked."""
        self._pieces = list(pieces)
        self._write()

    @property
    def changed(self) -> list[str]:
        """The pieces that are marked."""
        return [text for text, is_changed in self._pieces if is_changed]

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._pieces:
            self._write()

    def _write(self) -> None:
        c = theme.colours(theme.palette())
        ground = theme.mix(c.accent, c.base, 0.7 if c.dark else 0.8).name()
        style = f"background-color: {ground}; text-decoration: underline;"
        parts = [f'<span style="{style}">{_escape(t)}</span>' if new else _escape(t) for t, new in self._pieces]
        self._written = "".join(parts)
        QLabel.setText(self, self._written)  # as it is: a tag must not be broken
        plain = "".join(text for text, _ in self._pieces)
        new = tr("New: {words}", words="; ".join(self.changed)) if self.changed else tr("Nothing new")
        self.setAccessibleName(f"{plain}\n{new}")


def _escape(text: str) -> str:
    """A text as HTML that looks as it is written: line breaks and runs of spaces stay."""
    return html.escape(break_words(text)).replace("  ", " \u00a0").replace("\n", "<br>")
