"""The answer of one check before a run, and where it can be put right. No Qt."""

from dataclasses import dataclass

from app.new_run.step_times import StepTime

GOOD, NOTE, BAD, LATER = "good", "warn", "bad", "later"


@dataclass(frozen=True)
class Check:
    """The answer of one check.

    `step` is where it can be put right: "Data", "Problems" (of the data), "Model", "Settings" or ""; `fix` the words of
    the button that leads there.
    """

    title: str
    state: str  # GOOD, NOTE (start anyway), BAD (cannot start) or LATER (cannot be told before the start)
    sentence: str
    step: str = ""
    fix: str = ""
    time: StepTime | None = None  # of the check that takes steps

    @property
    def fix_words(self) -> str:
        """The words of the button that leads to where this is put right; "" where nothing is to be done."""
        return "" if self.state in (GOOD, LATER) or not self.step else self.fix or _FIXES[self.step]


_FIXES = {"Data": "Choose other data…", "Problems": "See the problems…", "Model": "Choose a model…",
          "Settings": "Change it…"}  # fmt: skip
