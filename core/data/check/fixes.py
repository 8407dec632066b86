"""What can be done about a finding: leave its rows out, or fill a placeholder in. Both are options of the run."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.data.check.exclude import ROW_PREFIX, TEXT_ONLY
from core.data.format.mapping import placeholder_name
from core.data.read.reader import Finding
from core.errors import BadOption
from core.text.sentence import say


@dataclass(frozen=True)
class Exclusion:
    """What can be left out for a finding. `is_safe`: nothing that could be learned is lost with it."""

    words: str  # what is left out, nearly always rows, as part of a sentence
    is_safe: bool


EXCLUSIONS = {
    "duplicate": Exclusion(say("rows that repeat an earlier one"), is_safe=True),
    "overlap": Exclusion(say("rows that also stand in the validation data"), is_safe=True),
    "same-as-question": Exclusion(say("rows whose answer only repeats the question"), is_safe=True),
    "ends-with-user": Exclusion(say("conversations that do not end with an answer"), is_safe=False),
    "worse-chosen": Exclusion(say("pairs whose rejected answer has the higher score"), is_safe=False),
    TEXT_ONLY: Exclusion(say("parts that are not text"), is_safe=False),
    "garbled": Exclusion(say("rows with garbled letters"), is_safe=False),
    "escaped": Exclusion(say("rows that were escaped twice"), is_safe=False),
    "template-token": Exclusion(say("rows with signs of a chat template"), is_safe=False),
    "empty-word": Exclusion(say("rows with words for empty cells"), is_safe=False),
    "placeholder": Exclusion(say("rows with a placeholder"), is_safe=False),
}

ROW_LEFT_OUT = say("The row is left out, as chosen.")


def check_exclude(entries: Iterable[str]) -> None:
    """Raise BadOption for an entry that is neither a code in EXCLUSIONS nor a row."""
    for entry in entries:
        if entry.startswith(ROW_PREFIX):
            number = entry.removeprefix(ROW_PREFIX)
            if not (number.isascii() and number.isdigit() and int(number)):
                raise BadOption(
                    say("exclude: {entry!r} names no row; rows are counted from 1, as in 'row:17'.", entry=entry)
                )
        elif entry not in EXCLUSIONS:
            codes = ", ".join(EXCLUSIONS)
            raise BadOption(
                say(
                    "exclude: rows cannot be left out for {entry!r}; they can for {codes}, or one by one: row:17.",
                    entry=entry,
                    codes=codes,
                )
            )


def placeholder_to_fill(finding: Finding) -> str:
    """The name of the placeholder that the finding is about, "" for any other finding."""
    return placeholder_name(finding.message) if finding.code == "placeholder" else ""


def safe_exclusions(codes: Iterable[str]) -> list[str]:
    """Of the codes of findings, those whose rows can be left out without losing anything."""
    return [code for code, exclusion in EXCLUSIONS.items() if exclusion.is_safe and code in set(codes)]
