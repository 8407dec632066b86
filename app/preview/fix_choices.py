"""The fixes of a dataset's problems that a run has chosen, in words. No Qt."""

from typing import NamedTuple

from core.data.check.exclude import kinds, rows
from core.run import Data

SINGLE_ROWS = "single rows"  # stands for all single rows that are left out: they are taken back together


class FixChoice(NamedTuple):
    """A fix that the run has: the option's key, the entry in its value, and the entry in words."""

    key: str
    entry: str
    words: str


def list_choices(data: Data) -> list[FixChoice]:
    """The fixes that a run has chosen; all single rows that are left out are one of them."""
    from core.data.check.fixes import EXCLUSIONS

    choices = []
    for code in kinds(data.exclude):
        problem = EXCLUSIONS[code].words if code in EXCLUSIONS else code
        choices.append(FixChoice("data.exclude", code, f"without {problem}"))
    single_rows = sorted(rows(data.exclude))
    if single_rows:
        words = f"row {single_rows[0]:,}" if len(single_rows) == 1 else f"{len(single_rows):,} single rows"
        choices.append(FixChoice("data.exclude", SINGLE_ROWS, f"without {words}"))
    return choices + [FixChoice("data.fill_in", entry, entry.replace("=", " = ", 1)) for entry in data.fill_in]
