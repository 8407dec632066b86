"""Whether all ranks are alike, before their first step: each says what it has, and a difference is one sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import Unavailable
from core.text.sentence import capitalize, join_and, say

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
            here, there = _place(names, 0), _place(names, rank)
            what = capitalize(join_and(listed))
            if len(listed) > 1 or words[different[0]].endswith("s"):
                raise Unavailable(
                    say("{what} are not the same on {here} and {there}.", what=what, here=here, there=there)
                )
            raise Unavailable(say("{what} is not the same on {here} and {there}.", what=what, here=here, there=there))


def _place(names: Sequence[str], rank: int) -> str:
    return names[rank] if names.count(names[rank]) == 1 else say("{name} (rank {rank})", name=names[rank], rank=rank)


def _describe(words: str, one: Any, other: Any) -> str:
    if all(isinstance(value, str | int | float) and len(str(value)) <= _SHORT for value in (one, other)):
        return say("{words} ({one} and {other})", words=words, one=one, other=other)
    return words
