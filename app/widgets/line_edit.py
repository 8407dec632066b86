"""A line of text to fill in, with a little room around the words."""

from PySide6.QtWidgets import QLineEdit


class Entry(QLineEdit):
    """A line edit with an accessible name."""

    def __init__(self, name: str, hint: str = "", height: int = 30) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setMinimumHeight(height)
        self.setTextMargins(5, 0, 5, 0)
