"""Preference pairs whose own scores say the opposite: the rejected answer has more than the chosen one."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.data.format import column_names as names_of
from core.data.format.example import Remark
from core.data.format.shapes.common import find_column
from core.text.sentence import say

_SCORE = re.compile(r"score|rating|reward")
_NAMES = ("chosen", "rejected")  # of the two answers, as scores name them: score_chosen, rejected_rating and so on


def score_remarks(row: Mapping[str, Any], answers: tuple[str, str] | None = None) -> Iterator[Remark]:
    """A remark where a row holds scores of both answers, and that of the rejected one is higher.

    `answers` are the row's columns of the chosen and of the rejected answer, where they were mapped by hand.
    """
    for chosen, rejected in _score_columns(tuple(row), answers):
        ours, theirs = _number(row[chosen]), _number(row[rejected])
        if ours is not None and theirs is not None and ours < theirs:
            message = say(
                "The rejected answer has the higher score, {theirs:g}; the chosen one has {ours:g} ({chosen}).",
                theirs=theirs,
                ours=ours,
                chosen=chosen,
            )
            yield Remark("worse-chosen", "warning", message, say("The row can be left out, or the answers exchanged."))
            return


@functools.lru_cache(maxsize=1024)  # nearly all rows of a file have the same columns
def _score_columns(columns: tuple[str, ...], answers: tuple[str, str] | None) -> list[tuple[str, str]]:
    """The columns with the scores of the chosen and of the rejected answer."""
    own = {column.strip().lower(): column for column in columns}
    found = []
    for chosen, rejected in _words(columns, answers):
        word = re.compile(rf"(?<![a-z]){re.escape(chosen)}(?![a-z])")
        for name, column in own.items():
            other = word.sub(rejected.replace("\\", r"\\"), name)
            if other != name and _SCORE.search(name) and other in own:
                found.append((column, own[other]))
    return found


def _words(columns: tuple[str, ...], answers: tuple[str, str] | None) -> list[tuple[str, str]]:
    """(word for the chosen, word for the rejected answer) that the names of their scores may differ in."""
    row = dict.fromkeys(columns)
    names = answers or (find_column(row, names_of.CHOSEN), find_column(row, names_of.REJECTED))
    chosen, rejected = (name.strip().lower() for name in names)
    if not chosen or not rejected or chosen == rejected:
        return [_NAMES]
    parts = [re.split(r"[^a-z0-9]+", name) for name in (chosen, rejected)]
    differing = [pair for pair in zip(*parts, strict=False) if pair[0] != pair[1]]
    words = differing[0] if len(parts[0]) == len(parts[1]) and len(differing) == 1 else (chosen, rejected)
    # Where the answers were exchanged by hand, "chosen" in the name of a score means the one that is rejected now.
    return [words] if {*words} & {*_NAMES} else [words, _NAMES]


def _number(value: Any) -> float | None:
    """A score, also where a table holds it as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
