"""Multiple choice in which each choice has a column of its own."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from core.data.format import column_names as names_of
from core.data.format.shapes.common import Values

_MOST_CHOICES = 26
_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class ChoiceColumns:
    """A row's own names of the columns with its question, its choices, and which of them is right."""

    question: str
    choices: tuple[str, ...]
    right: str
    first: (
        int | None
    )  # the number of the first choice; None where `right` holds the right choice itself, beside wrong ones


@dataclass(frozen=True)
class _Layout:
    """Names that belong together, in lower case; "*" stands for the letters or numbers of the choices in turn."""

    choices: str
    marks: tuple[str, ...]
    right: tuple[str, ...]
    first: int | None
    question: tuple[str, ...] = names_of.QUESTION


def _numbers(first: int) -> tuple[str, ...]:
    return tuple(str(n) for n in range(first, first + _MOST_CHOICES))


_LAYOUTS = (
    _Layout("*", _LETTERS, names_of.CORRECT_CHOICE, 0),
    _Layout("option_*", _LETTERS, names_of.CORRECT_CHOICE, 0),
    _Layout("op*", _LETTERS, ("cop",), 0),
    _Layout("answer*", _LETTERS, ("label",), 1),
    _Layout("answer*", _numbers(0), ("label",), 0),
    _Layout("mc_answer*", _numbers(1), ("correct_answer_num",), 1),
    _Layout("option*", _numbers(1), ("answer",), 1, ("sentence", *names_of.QUESTION)),
    _Layout("sol*", _numbers(1), ("label",), 0, ("goal",)),
    _Layout("ending*", _numbers(0), ("label",), 0, ("startphrase", *names_of.QUESTION)),
    _Layout("incorrect answer *", _numbers(1), ("correct answer",), None),
    _Layout("incorrect_answer_*", _numbers(1), ("correct_answer",), None),
    _Layout("distractor*", _numbers(1), ("correct_answer",), None),
)


def find_layout(value: Values) -> ChoiceColumns | None:
    """The columns of a row that holds a question, choices in columns of their own, and which is right; else None."""
    return _find(tuple(value))


@functools.lru_cache(maxsize=1024)  # nearly all rows of a file have the same columns
def _find(columns: tuple[str, ...]) -> ChoiceColumns | None:
    by_lower = {column.strip().lower(): column for column in columns}
    for layout in _LAYOUTS:
        choices = tuple(_following(by_lower, layout))
        right = next((by_lower[name] for name in layout.right if name in by_lower), None)
        question = next((by_lower[name] for name in layout.question if name in by_lower), None)
        enough = 1 if layout.first is None else 2
        if len(choices) >= enough and right is not None and question is not None:
            return ChoiceColumns(question, choices, right, layout.first)
    return None


def _following(by_lower: dict[str, str], layout: _Layout) -> Iterator[str]:
    """The row's columns of the choices, up to the first that it lacks."""
    for mark in layout.marks:
        name = layout.choices.replace("*", mark)
        if name not in by_lower:
            return
        yield by_lower[name]
