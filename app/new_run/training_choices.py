"""What is trained and the precision of the base model, as cards: the two choices that decide about memory."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.new_run.disabled_reasons import Reasons
from app.new_run.memory_fit import MemoryFit
from app.style import theme
from app.widgets.card import vbox
from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.labels import caption, heading
from core.quant.modes import MODES, UNPACKED
from core.run import Run

ADAPTER_CHOICES = {
    "lora": (
        tr("LoRA"),
        tr("A small adapter, often under 1% of the size; the model stays as it is. Quick, easy to share."),
    ),
    "dora": (tr("DoRA"), tr("LoRA that learns direction and strength apart. Sometimes better at small ranks; slower.")),
    "full": (tr("All weights"), tr("Changes the whole model. Strongest and heaviest, and it can forget old skills.")),
}
PRECISION_CHOICES = {
    UNPACKED: (tr("Full precision"), tr("The weights as they come.")),
    "int8": (tr(MODES["int8"].title), tr(MODES["int8"].summary)),
    "nf4": (tr(MODES["nf4"].title), tr(MODES["nf4"].summary)),
}
CHOICES = {"adapter.type": ADAPTER_CHOICES, "model.quantization": PRECISION_CHOICES}


class TrainingChoices(QWidget):
    """Two groups of cards, each for one option; `changed(key, value)` when a person picks a card."""

    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.groups: dict[str, ChoiceGroup] = {}
        layout = vbox(self, gap=theme.GRID)
        for key, title in (
            ("adapter.type", tr("What is trained")),
            ("model.quantization", tr("How the model is held")),
        ):
            layout.addWidget(heading(title))
            group = self.groups[key] = ChoiceGroup(columns=3)
            group.setAccessibleName(title)
            for name, (label, text) in CHOICES[key].items():
                group.add(ChoiceCard(name, label, text))
            group.chosen.connect(self._emitter(key))
            layout.addWidget(group)
        layout.addWidget(caption(tr("{count} more formats are under Advanced, Base precision.", count=len(MODES) - 2)))
        layout.addSpacing(theme.GRID)

    def show_run(self, run: Run, reasons: Reasons) -> None:
        """Mark the run's choices, and grey those that its other choices rule out, each with its reason."""
        chosen = {"adapter.type": run.adapter.type, "model.quantization": run.model.quantization}
        if run.model.quantization not in self.groups["model.quantization"].cards:
            mode = MODES[run.model.quantization]
            self.groups["model.quantization"].add(ChoiceCard(mode.name, tr(mode.title), tr(mode.summary)))
        for key, group in self.groups.items():
            for name, card in group.cards.items():
                card.disable("" if name == chosen[key] else reasons.get(key, {}).get(name, ""))
            group.choose(chosen[key])

    def show_memory(self, estimates: dict[tuple[str, str], MemoryFit]) -> None:
        """Show the memory of each (option, choice) below its card; nothing where it is not known."""
        for key, group in self.groups.items():
            for name, card in group.cards.items():
                fit = estimates.get((key, name))
                card.set_detail(fit.sentence if fit else "", "warn" if fit and fit.advice else "secondary")

    def _emitter(self, key: str) -> Callable[[str], None]:
        return lambda name: self.changed.emit(key, name)
