"""A button that unfolds what lies below it, and folds it again."""

from PySide6.QtWidgets import QWidget

from app.widgets.buttons import Button


class FoldButton(Button):
    """Shows `content` while it is checked, and hides it otherwise; its arrow says which."""

    def __init__(self, text: str, content: QWidget) -> None:
        super().__init__(text, "next", weight="quiet")
        self.setCheckable(True)
        content.hide()
        self.toggled.connect(content.setVisible)
        self.toggled.connect(lambda unfolded: self.set_icon("chevron" if unfolded else "next"))

    @property
    def is_pressed(self) -> bool:
        """Only while it is held down: that it is unfolded shows below it."""
        return self.isDown()
