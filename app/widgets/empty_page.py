"""What a list shows while it has nothing: what will stand there, and how to begin."""

from PySide6.QtWidgets import QWidget

from app.style import theme
from app.widgets.buttons import Button
from app.widgets.card import vbox
from app.widgets.labels import IconLabel, Label


def make_empty_page(icon: str, heading: str, words: str, begin: Button | None = None) -> QWidget:
    """An icon, a heading, a sentence and the button `begin`, in the middle of the page."""
    page = QWidget()
    layout = vbox(page, gap=10)
    layout.addStretch(2)
    layout.addWidget(IconLabel(icon, "secondary", 44), 0, theme.CENTRE)
    for label in (Label(heading, bold=True), Label(words, tone="secondary")):
        label.setAlignment(theme.CENTRE)
        layout.addWidget(label)
    if begin is not None:
        layout.addSpacing(6)
        layout.addWidget(begin, 0, theme.CENTRE)
    layout.addStretch(3)
    return page
