"""The first page: what Hone is for, three doors, a run that waits to be resumed, and this computer."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from app.desktop import machine
from app.desktop.language import tr
from app.new_run import goals
from app.new_run.draft import Draft
from app.new_run.interrupted_row import InterruptedRow
from app.new_run.machine_card import MachineCard
from app.style import theme
from app.widgets.buttons import Button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import IconLabel, Label, title
from app.widgets.scroll_page import ScrollPage


class Door(Card):
    """A way in: an icon, what it leads to, and its button. The whole card can be clicked."""

    def __init__(self, icon: str, heading: str, text: str, button: Button) -> None:
        super().__init__()
        self.button = button
        layout = vbox(self, 18, 6)
        layout.addWidget(IconLabel(icon, "accent_text", 24))
        layout.addSpacing(theme.GRID // 2)
        layout.addWidget(Label(heading, bold=True))
        self.text = Label(text, tone="secondary")
        layout.addWidget(self.text)
        layout.addStretch()
        layout.addSpacing(theme.GRID)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        button.setAccessibleDescription(text)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.rect().contains(event.position().toPoint()):
            self.button.click()


class WelcomePage(QWidget):
    """`demo(run)` to watch the demo, `own_data` to choose data, `open_run` to open an old run."""

    demo = Signal(object)
    own_data = Signal()
    open_run = Signal()

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        scroll = ScrollPage(width=920, margin=2 * theme.MARGIN, centred=True)
        vbox(self).addWidget(scroll)
        page = scroll.content_layout
        page.setSpacing(theme.GRID * 2)
        head = vbox(gap=theme.GRID)
        head.addWidget(
            title(
                tr(
                    "Teach a language model your way of answering, {on_this_computer}.",
                    on_this_computer=machine.ON_THIS_COMPUTER,
                )
            )
        )
        head.addWidget(Label(tr("No account, and nothing leaves it. What you train is yours."), tone="secondary"))
        page.addLayout(head)
        self.interrupted = InterruptedRow()
        page.addWidget(self.interrupted)
        self.demo_button = Button(tr("Try the 3-minute demo"), "play", weight="primary")
        self.data_button, self.run_button = Button(tr("Use my own data…"), "file"), Button(tr("Open a run…"), "folder")
        doors = hbox(gap=12)
        self.demo_door = Door("spark", tr("See it learn"), "", self.demo_button)
        for door in (
            self.demo_door,
            Door(
                "drop",
                tr("Your own data"),
                tr("JSON, CSV, Parquet or text. You can drop it anywhere."),
                self.data_button,
            ),
            Door(
                "runs", tr("An earlier run"), tr("Its charts and answers; resume it, or train again."), self.run_button
            ),
        ):
            doors.addWidget(door, 1)
        page.addLayout(doors)
        self.machine = MachineCard()
        page.addWidget(self.machine)
        page.addStretch()
        self.demo_button.clicked.connect(lambda: self.demo.emit(goals.demo_run()))
        self.data_button.clicked.connect(self.own_data)
        self.run_button.clicked.connect(self.open_run)
        self._show()

    def _show(self) -> None:
        method = tr(goals.demo_run().spec.title)
        self.demo_door.text.setText(
            tr("The small model inside learns from sample data, by {method}. No download.", method=method)
        )
