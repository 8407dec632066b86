"""The parts of a row for reading it in full, each with whether the model's chat template drops it."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.desktop.language import tr
from core.data.format.example import Example
from core.data.tokenize.template_coverage import CALL, OFFERED, THINKING, THOUGHT, Part

if TYPE_CHECKING:  # brings in NumPy
    from core.data.preview.page import PreviewRow

LEFT_OUT_LABEL = tr("Left out")
# (kind as in core.data.tokenize.template_coverage, number of the message); of a message's text, the kind is _TEXT.
_Place = tuple[str, int | None]
_TEXT = "text"
_ROLES = {
    "system": tr("System"),
    "developer": tr("Developer"),
    "user": tr("User"),
    "assistant": tr("Assistant"),
    "tool": tr("Tool"),
}


class RowPart(NamedTuple):
    """A part of a row under its name. What is dropped stands in the file, but the model never sees it."""

    name: str
    text: str
    is_dropped: bool = False


def row_parts(item: "PreviewRow", dropped: Sequence[Sequence[Part]] = ()) -> list[RowPart]:
    """Every part of a row. `dropped` is what core.data.preview.inspect.find_dropped() gives for its examples, the texts
    of all examples one after another."""
    parts = [RowPart(LEFT_OUT_LABEL, item.problem)] if item.problem else []
    if not item.examples:
        return parts + [RowPart(str(name), to_text(value)) for name, value in item.row.value.items()]
    texts = iter(dropped)
    for example in item.examples:
        sides = 2 if example.chosen is not None and example.rejected is not None else 1
        places = [_places(next(texts, ())) for _ in range(sides)]
        parts += [*_prompt_parts(example, places[0]), *_answer_parts(example, places)]
    return list(dict.fromkeys(parts))  # the prompt that two answers share is listed once


def find_row_dropped(item: "PreviewRow", tokenizer: Any) -> list[tuple[Part, ...]]:
    """What the chat template drops of a row, as row_parts() takes it."""
    from core.data.preview.inspect import find_dropped

    return [dropped for example in item.examples for dropped in find_dropped(example, tokenizer)]


def label_text(example: Example) -> str:
    """The label of an unpaired example in words."""
    return tr("good") if example.label else tr("bad")


def to_text(value: Any) -> str:
    """A value of a row as text: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _places(dropped: Sequence[Part]) -> set[_Place]:
    return {(part.kind if part.kind in (OFFERED, CALL, THOUGHT) else _TEXT, part.message) for part in dropped}


def _prompt_parts(example: Example, dropped: Collection[_Place]) -> Iterator[RowPart]:
    if example.tools:
        yield RowPart(tr("Functions offered"), to_text(example.tools), (OFFERED, None) in dropped)
    for number, message in enumerate(example.messages or ()):
        yield from _message_parts(_name_role(message["role"]), number, message, dropped)
    if example.messages is None and example.prompt:
        yield RowPart(tr("Asked"), example.prompt)


def _name_role(role: str) -> str:
    return _ROLES.get(role, role.capitalize())


def _answer_parts(example: Example, dropped: Sequence[Collection[_Place]]) -> Iterator[RowPart]:
    worse = tr("Worse")
    answers = {
        tr("Answer"): example.completion,
        tr("Text"): example.text,
        tr("Better"): example.chosen,
        worse: example.rejected,
        tr("Right answer"): example.answer,
        tr("Mark"): None if example.label is None else label_text(example),
    }
    for name, answer in answers.items():
        if isinstance(answer, tuple):
            places = dropped[-1] if name == worse else dropped[0]
            for number, message in enumerate(answer, len(example.messages or ())):
                yield from _message_parts(name, number, message, places)
        elif answer is not None:
            yield RowPart(name, answer)


def _message_parts(name: str, number: int, message: dict[str, Any], dropped: Collection[_Place]) -> Iterator[RowPart]:
    """The thinking, the text and the function calls of a message, each under a name of its own."""
    thoughts = [str(message[key]) for key in THINKING if str(message.get(key) or "").strip()]
    calls = message.get("tool_calls")
    for text in thoughts:
        yield RowPart(tr("{name}: thinking", name=name), text, (THOUGHT, number) in dropped)
    if message["content"] or not (thoughts or calls):
        yield RowPart(name, message["content"], (_TEXT, number) in dropped)
    if calls:
        yield RowPart(tr("{name}: function calls", name=name), to_text(calls), (CALL, number) in dropped)
