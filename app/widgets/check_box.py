"""A check box and a slider that show the keyboard's focus as everything else does."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QSlider

from app.widgets.focus_ring import FocusRing


class CheckBox(FocusRing, QCheckBox):
    """A check box with words beside it, or without any where it lies in a form."""


class Slider(FocusRing, QSlider):
    """A horizontal slider with an accessible name."""

    def __init__(self, name: str) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setAccessibleName(name)
