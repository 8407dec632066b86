"""The answer of one check before a run, and where it can be put right. No Qt."""

from dataclasses import dataclass

from app.desktop.language import tr
from app.new_run.step_times import StepTime

GOOD, NOTE, BAD, LATER = "good", "warn", "bad", "later"
MEASURED = "time"  # comes after the others, from steps that are taken while the person may start already
TITLES = {
    "settings": tr("Settings"),
    "data": tr("Data"),
    "placeholders": tr("Placeholders"),
    "model": tr("Model"),
    "learned": tr("What is learned"),
    "memory": tr("Memory"),
    "disk": tr("Disk"),
    "backend": tr("Backend"),
    "neural_engine": tr("Neural Engine"),
    "precision": tr("Precision"),
    "power": tr("Power"),
    MEASURED: tr("Time"),
}


@dataclass(frozen=True)
class StepFacts:
    """What an optimizer step was measured to take."""

    seconds: float
    rows: int
    trained_parameters: int


@dataclass(frozen=True)
class Check:
    """The answer of one check.

    `step` is where it can be put right: "data", "problems" (of the data), "model", "settings" or ""; `fix` the words of
    the button that leads there.
    """

    key: str  # of TITLES
    state: str  # GOOD, NOTE (start anyway), BAD (cannot start) or LATER (cannot be told before the start)
    sentence: str
    step: str = ""
    fix: str = ""
    time: StepTime | None = None  # of the check that takes steps
    step_facts: StepFacts | None = None  # of that check

    @property
    def title(self) -> str:
        """What is checked, in a word or two."""
        return TITLES[self.key]

    @property
    def fix_words(self) -> str:
        """The words of the button that leads to where this is put right; "" where nothing is to be done."""
        return "" if self.state in (GOOD, LATER) or not self.step else self.fix or _FIXES[self.step]


_FIXES = {
    "data": tr("Choose other data…"),
    "problems": tr("See the problems…"),
    "model": tr("Choose a model…"),
    "settings": tr("Change it…"),
}
