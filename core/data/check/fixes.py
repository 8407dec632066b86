"""What a person can do about a finding: leave such rows out, or fill a placeholder in. The run keeps it."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.data.check.exclude import ROW
from core.data.format.mapping import placeholder_name
from core.data.read.reader import Finding
from core.errors import BadOption


@dataclass(frozen=True)
class Exclusion:
    """Rows that can be left out for a finding. `safe`: nothing that could be learned goes with them."""

    words: str
    safe: bool


EXCLUSIONS = {
    "duplicate": Exclusion("rows that repeat an earlier one", safe=True),
    "overlap": Exclusion("rows that also stand in the validation data", safe=True),
    "same-as-question": Exclusion("rows whose answer only repeats the question", safe=True),
    "ends-with-user": Exclusion("conversations that do not end with an answer", safe=False),
    "placeholder": Exclusion("rows with a placeholder", safe=False),
}


LEFT_OUT = "The row is left out, as chosen."


def check_exclude(entries: Iterable[str]) -> None:
    """Raises BadOption for an entry that is neither a kind of finding that rows can be left out for, nor a row."""
    for entry in entries:
        if entry.startswith(ROW):
            number = entry.removeprefix(ROW)
            if not (number.isascii() and number.isdigit() and int(number)):
                raise BadOption(f"exclude: {entry!r} names no row; rows are counted from 1, as in 'row:17'.")
        elif entry not in EXCLUSIONS:
            can = ", ".join(EXCLUSIONS)
            raise BadOption(
                f"exclude: rows cannot be left out for {entry!r}; they can for {can}, or one by one: row:17."
            )


def to_fill_in(finding: Finding) -> str:
    """The name that a text has to be given for, or ""."""
    return placeholder_name(finding.message) if finding.code == "placeholder" else ""


def safe(codes: Iterable[str]) -> list[str]:
    """Of the codes of findings, those whose rows can be left out without losing anything."""
    return [code for code, exclusion in EXCLUSIONS.items() if exclusion.safe and code in set(codes)]
