"""The learned tokens of texts that were written by plans: counted from the separators before and behind them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np

from core.data.tokenize.row_plans import PlannedText

Ids = list[int]
Span = tuple[int, int]  # the first token, and the one behind the last


def find_planned_spans(
    texts: Sequence[PlannedText], ids: Sequence[Ids], separators: frozenset[int], tokenize: Callable[[str], Ids]
) -> Iterator[list[Span] | None]:
    """The learned spans of each text's tokens `ids`; None where a text in it holds separators of its own.

    tokenize  the tokens of a text that holds its special tokens already
    """
    ends = np.cumsum([0, *map(len, ids)])
    flat = np.fromiter(chain.from_iterable(ids), np.int32, int(ends[-1]))
    is_separator = np.zeros(1 + max(int(flat.max(initial=0)), max(separators, default=0)), bool)
    is_separator[list(separators)] = True
    found = np.flatnonzero(is_separator[flat])
    firsts = np.searchsorted(found, ends)
    places = (found - np.repeat(ends[:-1], np.diff(firsts))).tolist()  # counted from the beginning of each text
    openings: dict[str, Ids] = {}
    for text, own, first, behind in zip(texts, ids, firsts[:-1].tolist(), firsts[1:].tolist(), strict=True):
        plan = text.plan
        if behind - first != plan.separators:
            yield None
            continue
        spans = []
        for answer in plan.learned:
            opening = openings.get(answer.opening)
            if opening is None:
                opening = openings[answer.opening] = tokenize(answer.opening)
            place = places[first + answer.separator]
            start = place + len(opening)
            if own[place:start] != opening:
                start = place + common_prefix_length(opening, own[place:])
            spans.append(
                (start, len(own) if answer.following is None else max(start, places[first + answer.following]))
            )
        yield spans


def common_prefix_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many leading tokens two sequences share."""
    for n, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return n
    return min(len(first), len(second))
