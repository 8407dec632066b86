"""This computer on the first page: its memory, its GPU and Neural Engine, and which of them will train."""

from app.desktop import machine
from app.desktop.language import tr
from app.threads.core_calls import machine_facts
from app.threads.task import Task
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import IconLabel, Label, caption


class MachineCard(Card):
    """The computer and the device that will train on it; asked once, in the background."""

    def __init__(self) -> None:
        super().__init__()
        layout = hbox(self, 14, 12)
        layout.addWidget(IconLabel("chip", "accent_text", 22))
        words = vbox(gap=2)
        self.first = Label(tr("Finding out what can train here…"), bold=True)
        self.second = caption(tr("Which device will train, and why, appears here."))
        words.addWidget(self.first)
        self.oddities = Label("", "caption", tone="warn")
        self.oddities.hide()
        self.engine = caption()
        self.engine.hide()
        words.addWidget(self.second)
        words.addWidget(self.engine)
        words.addWidget(self.oddities)
        layout.addLayout(words, 1)

    def look(self) -> None:
        """Ask which devices this computer has."""
        Task(self, machine_facts, done=self.show_facts, failed=self._unknown)

    def show_facts(self, facts: machine.MachineFacts) -> None:
        first, second = machine.describe_machine(facts)
        engine = machine.describe_neural_engine(facts)
        self.engine.setText(engine)
        self.engine.setVisible(bool(engine))
        self.first.setText(first)
        self.second.setText(second)
        self.oddities.setText("\n".join(map(tr, facts.oddities)))
        self.oddities.setVisible(bool(facts.oddities))

    def _unknown(self, sentence: str) -> None:
        self.first.setText(tr("{this_computer} cannot train yet", this_computer=machine.THIS_COMPUTER))
        self.second.setText(sentence)
        self.set_tone("warn")
