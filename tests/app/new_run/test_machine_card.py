"""The card of the first page about this computer: what is odd about it stands below."""

from pytestqt.qtbot import QtBot

from app.desktop.machine import MachineFacts
from app.new_run.machine_card import MachineCard

MACHINE = {"gpu": None, "processor": "A processor", "cores": 8, "memory_bytes": 16 << 30, "neural_engine_reason": "no"}
BACKEND = {"used": "cpu", "reason": "no GPU can be used: this Mac is a virtual machine, which has no Metal GPU"}


def test_what_is_odd_stands_below(qtbot: QtBot) -> None:
    card = MachineCard()
    qtbot.addWidget(card)
    card.show()
    card.show_facts(MachineFacts(MACHINE, BACKEND))
    assert card.second.text().startswith("Training on: CPU (MLX) – no GPU can be used: this Mac is a virtual machine")
    assert not card.oddities.isVisible()
    card.show_facts(MachineFacts(MACHINE, BACKEND, ["Hone runs in Rosetta.", "The disk is nearly full."]))
    assert card.oddities.isVisible()
    assert card.oddities.text() == "Hone runs in Rosetta.\nThe disk is nearly full."
