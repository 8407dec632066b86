"""The head of a run's page: what learns from what, on which device, what the run is called, and its buttons."""

from PySide6.QtWidgets import QWidget

from app.pages.run_buttons import RunButtons
from app.runs.run_state import RunState
from app.style import theme
from app.widgets.badge import BackendBadge
from app.widgets.card import hbox, vbox
from app.widgets.labels import ElidedLabel

_BADGE = 26  # pixels of height


class RunHeader(QWidget):
    """Two lines: the title, which needs its own whole, with the badge; the name of the run, with the buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ElidedLabel("", "title", bold=True, shrinks=True)
        self.badge = BackendBadge()
        self.badge.setMaximumHeight(_BADGE)
        self.name = ElidedLabel("", "caption", tone="secondary")
        self.buttons = RunButtons()
        first, second = hbox(gap=8), hbox(gap=8)
        first.addStrut(_BADGE)  # the badge comes once the run has started: nothing below is to move then
        first.addWidget(self.title, 1)
        first.addWidget(self.badge)
        second.addWidget(self.name, 1)
        second.addWidget(self.buttons)
        layout = vbox(self, gap=theme.GRID)
        layout.addLayout(first)
        layout.addLayout(second)

    def show_names(self, title: str, name: str) -> None:
        """Show which run this is."""
        self.title.show_text(title)
        self.name.show_text(name)

    def show_state(self, state: RunState) -> None:
        """Show the device and the buttons as the run stands now."""
        started = state.record.started
        if started:
            self.badge.show_choices(state.record.backend, started.precision, started.ranks)
        self.buttons.show_state(state)
