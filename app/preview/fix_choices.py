"""The fixes of a dataset's problems that a run has chosen, in words. No Qt."""

from typing import NamedTuple

from app.desktop.language import tr
from core.data.check.exclude import excluded_rows, finding_codes
from core.run import Data

SINGLE_ROWS = tr("single rows")  # stands for all single rows that are left out: they are taken back together


class FixChoice(NamedTuple):
    """A fix that the run has: the option's key, the entry in its value, and the entry in words."""

    key: str
    entry: str
    words: str


def list_choices(data: Data) -> list[FixChoice]:
    """The fixes that a run has chosen; all single rows that are left out are one of them."""
    from core.data.check.fixes import EXCLUSIONS

    choices = []
    for code in finding_codes(data.exclude):
        problem = EXCLUSIONS[code].words if code in EXCLUSIONS else code
        choices.append(FixChoice("data.exclude", code, tr("without {problem}", problem=problem)))
    single_rows = sorted(excluded_rows(data.exclude))
    if single_rows:
        words = (
            tr("row {single_rows:,}", single_rows=single_rows[0])
            if len(single_rows) == 1
            else tr("{count:,} single rows", count=len(single_rows))
        )
        choices.append(FixChoice("data.exclude", SINGLE_ROWS, tr("without {words}", words=words)))
    return choices + [FixChoice("data.fill_in", entry, entry.replace("=", " = ", 1)) for entry in data.fill_in]
