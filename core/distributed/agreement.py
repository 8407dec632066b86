"""Whether all ranks are alike, before their first step: each says what it has, and a difference is one sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import Unavailable
from core.text.sentence import say

_SHORT = 20  # characters of a value that is told; hashes are longer


def agree(facts: Sequence[Mapping[str, Any]], names: Sequence[str], words: Mapping[str, str]) -> None:
    """Raise Unavailable where the facts of the ranks differ.

    Arguments:
        facts: of each rank, {what: a plain value}.
        names: the machines of the ranks.
        words: {what: how a person calls it}.
    """
    first = facts[0]
    for rank, own in enumerate(facts[1:], 1):
        different = [name for name in words if own.get(name) != first.get(name)]
        if different:
            listed = [_describe(words[name], first.get(name), own.get(name)) for name in different]
            told = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
            what = {"what": f"{told[0].upper()}{told[1:]}", "here": _place(names, 0), "there": _place(names, rank)}
            if len(listed) > 1 or words[different[0]].endswith("s"):
                raise Unavailable(say("{what} are not the same on {here} and {there}.", **what))
            raise Unavailable(say("{what} is not the same on {here} and {there}.", **what))


def _place(names: Sequence[str], rank: int) -> str:
    return names[rank] if names.count(names[rank]) == 1 else f"{names[rank]} (rank {rank})"


def _describe(words: str, one: Any, other: Any) -> str:
    if all(isinstance(value, str | int | float) and len(str(value)) <= _SHORT for value in (one, other)):
        return f"{words} ({one} and {other})"
    return words
