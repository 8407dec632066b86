"""Three presets: how long and how large a run trains, for those who do not want to choose each setting."""

from dataclasses import dataclass
from typing import Any

from app.desktop.language import tr
from core.run import Run


@dataclass(frozen=True)
class Preset:
    """A preset's name, what it is for, and the options that it sets."""

    key: str
    name: str
    description: str
    steps: int | None
    epochs_factor: float | None  # of the epochs that are usual for the method; None for the usual
    rank: int
    early_stop: int

    def values(self, run: Run) -> dict[str, Any]:
        """{option key: value} of what it sets, for the run's method."""
        epochs = None if self.epochs_factor is None else self.epochs_factor * run.spec.epochs
        return {
            "train.epochs": epochs,
            "train.steps": self.steps,
            "adapter.rank": self.rank,
            "train.early_stop": self.early_stop,
        }

    def apply(self, run: Run) -> Run:
        """The run with this preset's options."""
        for key, value in self.values(run).items():
            run = run.replace(key, value)
        return run

    def matches(self, run: Run) -> bool:
        """Whether the run has all of this preset's values."""
        return self.apply(run) == run


PRESETS = (
    Preset("quick", tr("Quick look"), tr("60 steps: enough to see whether it works at all."), 60, None, 8, 0),
    Preset(
        "balanced",
        tr("Balanced"),
        tr("As often through the data as suits the method. A good start."),
        None,
        None,
        16,
        0,
    ),
    Preset(
        "thorough",
        tr("Thorough"),
        tr("Twice as often through the data, with more room; stops when it no longer gets better."),
        None,
        2.0,
        32,
        3,
    ),
)
