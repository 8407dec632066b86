"""What the table of rows shows of a row, by the kind of data; of rows that are not understood, their own columns."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED

if TYPE_CHECKING:  # brings in NumPy
    from core.data.format.example import Example
    from core.data.format.formats import Format
    from core.data.preview.page import PreviewRow

Column = tuple[str, "Callable[[PreviewRow], str | int]"]  # heading, what stands in a cell; rows are sorted by it
LEFT_OUT = "Left out"
_OWN = 6  # columns of a file that are shown where its format is not known


def columns(kind: str, form: "Format") -> list[Column]:
    """The table's columns: the line first, the length in characters last."""
    line: Column = ("Line", lambda s: s.row.line)
    length: Column = ("Length", lambda s: sum(map(len, _words(s))))
    if not form.shapes:
        return [line, *((name, _own(name)) for name in form.all_columns[:_OWN]), length]
    if kind == TEXT and all(shape.name == "Plain text" for shape in form.shapes):
        return [line, ("Text to learn", lambda s: _each(s, answer)), length]
    asked: Column = ("Asked", lambda s: _each(s, question))
    between: dict[str, list[Column]] = {
        TEXT: [asked, ("Answer to learn", lambda s: _each(s, answer))],
        PAIRS: [
            asked,
            ("Better", lambda s: _each(s, lambda e: said(e.chosen))),
            ("Worse", lambda s: _each(s, lambda e: said(e.rejected))),
        ],
        UNPAIRED: [asked, ("Answer", lambda s: _each(s, answer)), ("Mark", lambda s: _each(s, mark))],
        QUESTIONS: [asked, ("Right answer", lambda s: _each(s, lambda e: e.answer or ""))],
    }
    return [line, *between[kind], length]


def parts(shown: "PreviewRow") -> list[tuple[str, str]]:
    """(what it is, text) of everything in a row, for reading."""
    made = [(LEFT_OUT, shown.problem)] if shown.problem else []
    if not shown.examples:
        return made + [(str(name), _text(value)) for name, value in shown.row.value.items()]
    for example in shown.examples:
        made += [*_said_before(example), *_said_now(example)]
    return list(dict.fromkeys(made))  # what a pair asks is asked once


def question(example: "Example") -> str:
    """The last thing said before the answer; plain text has none."""
    if example.messages:
        turns = [m for m in example.messages if m["role"] != "assistant"]
        return str(turns[-1].get("content") or "") if turns else ""
    return example.prompt or ""


def answer(example: "Example") -> str:
    """The answer that is learned; of plain text all of it."""
    if example.messages:
        return said(example.messages)
    return example.completion or example.text or ""


def said(part: Any) -> str:
    """The text of an answer, or of the last message of several."""
    if isinstance(part, tuple):
        last = part[-1]
        return str(last.get("content") or _text(last.get("tool_calls") or ""))
    return str(part or "")


def mark(example: "Example") -> str:
    """A thumb in words."""
    return "good" if example.label else "bad"


def _each(shown: "PreviewRow", cell: "Callable[[Example], str]") -> str:
    return " / ".join(dict.fromkeys(map(cell, shown.examples)))


def _own(name: str) -> "Callable[[PreviewRow], str]":
    return lambda s: _text(s.row.value.get(name, ""))


def _words(shown: "PreviewRow") -> Sequence[str]:
    return [text for name, text in parts(shown) if name != LEFT_OUT]


def _said_before(example: "Example") -> list[tuple[str, str]]:
    made = [("Tools", _text(example.tools))] if example.tools else []
    if example.messages is not None:
        return made + [(m["role"].capitalize(), _message(m)) for m in example.messages]
    return made + ([("Asked", example.prompt)] if example.prompt else [])


def _said_now(example: "Example") -> list[tuple[str, str]]:
    named = {
        "Answer": example.completion,
        "Text": example.text,
        "Better": example.chosen,
        "Worse": example.rejected,
        "Right answer": example.answer,
        "Mark": None if example.label is None else mark(example),
    }
    made = []
    for name, part in named.items():
        if isinstance(part, tuple):
            made += [(name, _message(m)) for m in part]
        elif part is not None:
            made.append((name, part))
    return made


def _message(message: dict[str, Any]) -> str:
    calls = message.get("tool_calls")
    return "\n".join(part for part in (message["content"], _text(calls) if calls else "") if part)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
