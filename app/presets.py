"""Three ways to begin: how much of everything, for those who do not want to choose each setting."""

from dataclasses import dataclass
from typing import Any

from core.run import Run


@dataclass(frozen=True)
class Preset:
    """A name, what it is for, and the options it sets."""

    key: str
    name: str
    words: str
    values: dict[str, Any]

    def apply(self, run: Run) -> Run:
        """The run with this preset's options."""
        for key, value in self.values.items():
            run = run.replace(key, value)
        return run

    def fits(self, run: Run) -> bool:
        """Whether the run has all of this preset's values."""
        return self.apply(run) == run


def _values(epochs: float | None, steps: int | None, rank: int, early_stop: int) -> dict[str, Any]:
    return {"train.epochs": epochs, "train.steps": steps, "adapter.rank": rank, "train.early_stop": early_stop}


PRESETS = (
    Preset("quick", "Quick look", "60 steps: enough to see whether it works at all.", _values(None, 60, 8, 0)),
    Preset("balanced", "Balanced", "Three times through the data. A good start.", _values(None, None, 16, 0)),
    Preset(
        "thorough",
        "Thorough",
        "Up to six times through the data, with more room; stops when it no longer gets better.",
        _values(6.0, None, 32, 3),
    ),
)
