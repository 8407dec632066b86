"""Conversations of one form as text, with the places of their answers known beforehand.

Where a conversation and every part of it that is looked at when its answers are sought are written by plans
(core.data.tokenize.plans), what is found follows from the form: an answer stands between the same pieces in every row.
So the search is done once for a form, and again only for rows whose texts answer a template's questions otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Message
from core.data.tokenize import plans
from core.data.tokenize.plans import LONGEST, Plan
from core.data.tokenize.rendered_text import LearnedSpan, RenderedText
from core.data.tokenize.separators import Separator, find_separators

Value = tuple[Any, ...]  # (number of a text,), or (value, method, arguments): what a method makes of a value
Place = tuple[int, int]  # (number of a piece, characters of it that stand before)


@dataclass(frozen=True)
class AnswerPlace:
    """Where an answer stands, in pieces of the text and in separators."""

    start: Place
    end: Place | None  # None: the end of the text
    separator: int  # number of the last separator before the answer
    opening: str  # what stands from there to the answer
    following: int | None  # number of the separator with which the text goes on behind it; None: the end of the text


@dataclass(frozen=True)
class RowPlan:
    """How the conversations of a form are written whose texts answer a template's questions in the same way."""

    made: tuple[tuple[int, str, tuple[Any, ...]], ...]  # as in Plan
    answers: tuple[tuple[Any, int, Any, bool], ...]
    pieces: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    separators: int  # how many the constant pieces hold
    learned: tuple[AnswerPlace, ...]

    def write(self, texts: list[str]) -> list[str] | None:
        """The pieces of the text with these in it; None where they answer otherwise."""
        values = texts
        if self.made:
            values = [*texts]
            for number, method, arguments in self.made:
                values.append(getattr(values[number], method)(*arguments))
        for question, number, argument, answer in self.answers:
            if question(values[number], argument) is not answer:
                return None
        pieces = [*self.pieces]
        for piece, number in self.places:
            pieces[piece] = values[number]
        return pieces


@dataclass(frozen=True, slots=True)
class PlannedText:
    """A text that was written by a plan."""

    text: str
    plan: RowPlan
    pieces: list[str]
    note: str = ""

    def rendered(self) -> RenderedText:
        """The same as render_example() gives it."""

        def character(place: Place) -> int:
            return sum(map(len, self.pieces[: place[0]])) + place[1]

        spans = []
        for answer in self.plan.learned:
            start = character(answer.start)
            end = len(self.text) if answer.end is None else character(answer.end)
            spans.append(LearnedSpan(start, end, self.text[:start]))
        return RenderedText(self.text, tuple(spans))


class _Values:
    """The values of several plans of one conversation, each once."""

    def __init__(self, texts: int) -> None:
        self.numbers: dict[Value, int] = {(n,): n for n in range(texts)}
        self.made: list[tuple[int, str, tuple[Any, ...]]] = []
        self.answers: dict[tuple[Any, int, Any, bool], None] = {}

    def take(self, plan: Plan, texts: int) -> list[str | Value]:
        """The pieces of a plan for the first `texts` texts, constants and values in turn."""
        values: list[Value] = [(n,) for n in range(texts)]
        for number, method, arguments in plan.made:
            value = (values[number], method, arguments)
            if value not in self.numbers:
                self.numbers[value] = len(self.numbers)
                self.made.append((self.numbers[values[number]], method, arguments))
            values.append(value)
        for question, number, argument, answer in plan.answers:
            self.answers[question, self.numbers[values[number]], argument, answer] = None
        pieces: list[str | Value] = [*plan.pieces]
        for piece, number in plan.places:
            pieces[piece] = values[number]
        return [piece for piece in pieces if piece != ""]


def build_plan(
    messages: Sequence[Message], learned: Sequence[int], rendered: RenderedText, tokenizer: Any
) -> RowPlan | None:
    """The plan of a conversation of which the messages `learned` are learned, from how it was rendered; None where its
    parts are not all known to be written by plans, or an answer's place does not follow from them."""
    plan = plans.find(messages, tokenizer, False)
    if plan is None or rendered.note or rendered.dropped:
        return None
    values = _Values(len(messages))
    pieces = values.take(plan, len(messages))
    separators = find_separators([piece if isinstance(piece, str) else "" for piece in pieces], tokenizer)
    if separators is None or not all(_stands_in(number, pieces) for number in range(len(messages))):
        return None
    places = []
    for number in learned:
        place = _place_answer(messages, number, pieces, values, separators, tokenizer)
        if place is None:
            return None
        places.append(place)
    row_plan = RowPlan(
        made=tuple(values.made),
        answers=tuple(values.answers),
        pieces=tuple(piece if isinstance(piece, str) else "" for piece in pieces),
        places=tuple((n, values.numbers[piece]) for n, piece in enumerate(pieces) if not isinstance(piece, str)),
        separators=len(separators),
        learned=tuple(places),
    )
    written = row_plan.write([message["content"] for message in messages])
    if written is None or PlannedText("".join(written), row_plan, written).rendered() != rendered:
        return None
    return row_plan


def _place_answer(
    messages: Sequence[Message],
    number: int,
    pieces: list[str | Value],
    values: _Values,
    separators: Sequence[Separator],
    tokenizer: Any,
) -> AnswerPlace | None:
    """Where answer_spans.find_answer() finds an answer in every conversation of the form."""
    prompt = plans.find(messages[:number], tokenizer, True) if number else None
    start = _prefix_end(values.take(prompt, number), pieces) if prompt else None
    if start is None:
        return None
    end, following = None, None
    if number + 1 < len(messages):
        prefix = plans.find(messages[: number + 1], tokenizer, False)
        end = _prefix_end(values.take(prefix, number + 1), pieces) if prefix else None
        following = next((n for n, s in enumerate(separators) if (s.piece, s.start) == end), None)
        if end is None or following is None:
            return None
    if not _stands_in(number, pieces[start[0] + 1 : None if end is None else end[0]]):
        return None
    last = next(
        (n for n in reversed(range(len(separators))) if (separators[n].piece, separators[n].start) < start), None
    )
    if last is None or separators[last].piece != start[0] or separators[last].end > start[1]:
        return None
    return AnswerPlace(start, end, last, str(pieces[start[0]])[separators[last].start : start[1]], following)


def _prefix_end(first: list[str | Value], whole: list[str | Value]) -> Place | None:
    """Where the pieces of a text end within those of another that always begins with it; None where it may not, or
    where it ends with a value."""
    *others, last = first
    number = len(others)
    if others != whole[:number] or number >= len(whole):
        return None
    piece = whole[number]
    if isinstance(last, str) and isinstance(piece, str) and piece.startswith(last):
        return number, len(last)
    return None


def _stands_in(text: int, pieces: Sequence[str | Value]) -> bool:
    """Whether a text stands among these pieces, whole or without white space around it."""
    return any(not isinstance(piece, str) and _is_trimmed(piece, text) for piece in pieces)


def _is_trimmed(value: Value, text: int) -> bool:
    if len(value) == 1:
        return bool(value[0] == text)
    inner, method, arguments = value
    is_space = all(characters is None or characters.isspace() for characters in arguments)
    return method in ("strip", "lstrip", "rstrip") and is_space and _is_trimmed(inner, text)


def is_short(text: str) -> bool:
    """Whether a text may be written by a plan."""
    return len(text) < LONGEST
