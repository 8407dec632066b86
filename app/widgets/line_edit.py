"""A field for a line of text, with a little room around the text."""

from PySide6.QtWidgets import QLineEdit


class LineEdit(QLineEdit):
    """A line edit with an accessible name."""

    def __init__(self, name: str, hint: str = "", height: int = 30) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setMinimumHeight(height)
        self.setTextMargins(5, 0, 5, 0)
