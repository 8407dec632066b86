"""Preference pairs whose own scores say the opposite: the rejected answer has more than the chosen one."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.data.format.example import Remark
from core.text.sentence import say

# score_chosen, chosen_rating, "chosen-avg-rating", reward.chosen and so on
_SCORE = re.compile(r"(?=.*(score|rating|reward))(.*[^a-z])?chosen([^a-z].*)?")


def score_remarks(row: Mapping[str, Any]) -> Iterator[Remark]:
    """A remark where a row holds scores of both answers, and that of the rejected one is higher."""
    for chosen, rejected in _score_columns(tuple(row)):
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
def _score_columns(columns: tuple[str, ...]) -> list[tuple[str, str]]:
    """The columns with the scores of the chosen and of the rejected answer."""
    own = {column.strip().lower(): column for column in columns}
    return [
        (column, own[other])
        for name, column in own.items()
        if _SCORE.fullmatch(name) and (other := name.replace("chosen", "rejected")) in own
    ]


def _number(value: Any) -> float | None:
    """A score, also where a table holds it as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
