"""Step 1: the goal, which chooses the method. Also the welcome, with the demo as its first button."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.desktop import machine
from app.new_run import goals
from app.new_run.draft import Draft
from app.new_run.interrupted_row import InterruptedRow
from app.runs.labels import data_label
from app.style import theme
from app.threads.core_calls import machine_facts
from app.threads.task import Task
from app.widgets.buttons import plain_button, primary_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.labels import IconLabel, Label, caption, heading, title
from app.widgets.notice import Notice
from app.widgets.scroll_page import ScrollPage
from core import methods
from core.methods import GoalGroup
from core.run import DEMO

_LOOK_MS = 100  # the window is shown before data are read


class MachineCard(Card):
    """The computer and the device that will train on it; asked once, in the background."""

    def __init__(self) -> None:
        super().__init__()
        layout = hbox(self, 14, 12)
        layout.addWidget(IconLabel("chip", "accent_text", 22))
        words = vbox(gap=2)
        self.first = Label(f"Looking at {machine.THIS_COMPUTER}…", bold=True)
        self.second = caption("Which device will train, and why, appears here.")
        words.addWidget(self.first)
        self.oddities = Label("", "caption", tone="warn")
        self.oddities.hide()
        words.addWidget(self.second)
        words.addWidget(self.oddities)
        layout.addLayout(words, 1)

    def look(self) -> None:
        """Ask which devices this computer has."""
        Task(self, machine_facts, done=self.show_facts, failed=self._unknown)

    def show_facts(self, facts: machine.MachineFacts) -> None:
        first, second = machine.describe_machine(facts)
        self.first.setText(first)
        self.second.setText(second)
        self.oddities.setText("\n".join(facts.oddities))
        self.oddities.setVisible(bool(facts.oddities))

    def _unknown(self, sentence: str) -> None:
        self.first.setText(f"{machine.THIS_COMPUTER.capitalize()} cannot train yet")
        self.second.setText(sentence)
        self.set_tone("warn")


class GoalPage(QWidget):
    """Chooses the method by what somebody has; the demo, own data and old runs are one click away."""

    name = "Goal"
    demo = Signal(object)
    own_data = Signal()
    open_run = Signal()

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._looking: Task | None = None
        scroll = ScrollPage()
        vbox(self).addWidget(scroll)
        page = scroll.content_layout
        page.addWidget(title(f"Teach a language model your way of answering, on {machine.THIS_COMPUTER}."))
        page.addWidget(Label("No account, nothing leaves it. Watch the demo first, or start with your own data."))
        page.addSpacing(theme.GRID)
        self.demo_button = primary_button("Try the 3-minute demo", "play")
        self.data_button = plain_button("Use my own data…", "file")
        self.run_button = plain_button("Open a run…", "folder")
        buttons = hbox(gap=12)
        for button in (self.demo_button, self.data_button, self.run_button):
            buttons.addWidget(button)
        buttons.addStretch()
        page.addLayout(buttons)
        self.demo_words = caption()
        page.addWidget(self.demo_words)
        self.interrupted = InterruptedRow()
        page.addWidget(self.interrupted)
        page.addSpacing(theme.GRID)
        self.machine = MachineCard()
        page.addWidget(self.machine)
        page.addSpacing(theme.GRID * 2)
        page.addWidget(heading("What do you have?"))
        self.notice = Notice()
        self.set_aside = quiet_button("Use the sample data instead")
        self.set_aside.clicked.connect(lambda: draft.set("data.path", DEMO))
        self.notice.add_action(self.set_aside)
        page.addWidget(self.notice)
        self.cards = ChoiceGroup(columns=2)
        self.cards.setAccessibleName("What do you have?")
        for section in goals.groups():
            self.cards.add_heading(_section_heading(section.group))
            for key in section.methods:
                self.cards.add(_card(key))
        page.addWidget(self.cards)
        page.addStretch()
        self.demo_button.clicked.connect(lambda: self.demo.emit(goals.demo_run(draft.run)))
        self.data_button.clicked.connect(self.own_data)
        self.run_button.clicked.connect(self.open_run)
        self.cards.chosen.connect(lambda key: draft.set("method", key))
        draft.changed.connect(self._show)
        self._show("")

    def blocked_reason(self) -> str:
        """Why the next step cannot be gone to, or ""."""
        return ""

    def enter(self) -> None:
        """Called when the step is shown: find out which goals the data suit."""
        self._look()

    def _show(self, key: str) -> None:
        self.cards.choose(self._draft.run.method)
        method = goals.demo_run(self._draft.run).spec.title
        self.demo_words.setText(
            f"The demo teaches the small model that ships inside by {method}, with sample data. No download."
        )
        if key in ("", "data.path", "data.columns") and self.isVisible():
            self._look()

    def _look(self) -> None:
        if self._looking:
            self._looking.cancel()
            self._looking = None
        if self._draft.run.data.path == DEMO:
            self.show_unsuited({})
        else:
            QTimer.singleShot(_LOOK_MS, self, self._read)

    def _read(self) -> None:
        run = self._draft.run
        self._looking = Task(self, lambda: goals.unsuited_reasons(run), done=self.show_unsuited)

    def show_unsuited(self, reasons: dict[str, str]) -> None:
        """Grey the goals that the data do not suit, each with its reason."""
        for key, card in self.cards.cards.items():
            card.disable(reasons.get(key, ""))
        if reasons:
            words = "Goals that need other data are grey. Choose other data in the next step, or set yours aside."
            self.notice.show_message(f"Your data: {data_label(self._draft.run)}.", words, "accent")
        else:
            self.notice.hide()


def _section_heading(group: GoalGroup) -> QWidget:
    """The group's title and its sentence."""
    widget = QWidget()
    layout = hbox(widget, gap=10)
    layout.setContentsMargins(0, theme.GRID, 0, 0)
    layout.addWidget(heading(group.title))
    layout.addWidget(Label(group.sentence, tone="secondary"), 1)
    return widget


def _card(key: str) -> ChoiceCard:
    spec = methods.load()[key]
    return ChoiceCard(key, spec.goal, spec.summary, f"You need: {spec.needs}\nMemory and time: {spec.cost}", spec.title)
