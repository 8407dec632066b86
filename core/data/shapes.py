"""The shapes a row can have, by kind of data, in the order in which they are tried."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.data import conversation as chat
from core.data.example import Example, Message, Remark, Unusable
from core.data.read import Row
from core.methods import PAIRS, QUESTIONS, TEXT, THUMBS

Built = tuple[Example, list[Remark]]

_MESSAGES = ("messages", "conversation", "conversations", "dialog", "dialogue", "chat")
_INSTRUCTION = ("instruction",)
_INPUT = ("input", "context")
_OUTPUT = ("output", "response", "answer", "completion")
_PROMPT = ("prompt",)
_COMPLETION = ("completion", "response", "output", "answer")
_QUESTION = ("question", "query", "problem", "input", "user")
_ANSWER = ("answer", "answers", "response", "solution", "output", "assistant", "reply")
_TEXT = ("text", "content", "document")


@dataclass(frozen=True)
class Shape:
    """A known set of columns. `columns` gives those of a row that it would use, or nothing if it is not this shape."""

    name: str
    needs: str  # in words, for the sentence that tells what is expected
    columns: Callable[[dict[str, Any]], tuple[str, ...]]
    build: Callable[[Row], Built]


def pick(value: dict[str, Any], names: tuple[str, ...]) -> str:
    """The row's own name of the first of these columns that it has, upper and lower case alike; else ""."""
    own = {c.strip().lower(): c for c in value if isinstance(c, str)}
    return next((own[n] for n in names if n in own), "")


def text_of(value: dict[str, Any], column: str, *, needed: bool = True) -> str:
    """The text in a column. Raises Unusable when it is null, empty (if needed) or no text."""
    found = value.get(column)
    if isinstance(found, bool | list | dict):
        raise Unusable("type", f"{column} is not text.")
    if found is None and needed:
        raise Unusable("null", f"{column} is null.")
    text = "" if found is None else str(found)
    if needed and not text.strip():
        raise Unusable("empty-answer" if column.lower() in _ANSWER + _COMPLETION else "empty", f"{column} is empty.")
    return text


def _columns(*needed: tuple[str, ...], extra: tuple[str, ...] = ()) -> Callable[[dict[str, Any]], tuple[str, ...]]:
    """A shape that needs one column of each group and may use those in `extra`."""

    def columns(value: dict[str, Any]) -> tuple[str, ...]:
        found = tuple(pick(value, names) for names in needed)
        if not all(found) or len(set(found)) < len(found):
            return ()
        return found + tuple(c for c in (pick(value, (name,)) for name in extra) if c and c not in found)

    return columns


def _chat_columns(form: str) -> Callable[[dict[str, Any]], tuple[str, ...]]:
    def columns(value: dict[str, Any]) -> tuple[str, ...]:
        column = pick(value, _MESSAGES)
        messages = value.get(column)
        if not column or not isinstance(messages, list):
            return ()
        first = messages[0] if messages else {}
        own = "from" if isinstance(first, dict) and "from" in first else "role"
        others = (pick(value, (name,)) for name in ("system",))
        return (column, *(c for c in others if c)) if own == form else ()

    return columns


def _chat(row: Row) -> Built:
    value = row.value[pick(row.value, _MESSAGES)]
    if not value:
        raise Unusable("no-answer", "The conversation is empty.")
    messages, remarks = chat.answered(chat.conversation(value, row.value.get(pick(row.value, ("system",)))))
    return Example(row.line, messages=messages), remarks


def _alpaca(row: Row) -> Built:
    instruction = text_of(row.value, pick(row.value, _INSTRUCTION))
    more = text_of(row.value, pick(row.value, _INPUT), needed=False).strip()
    answer = text_of(row.value, pick(row.value, _OUTPUT))
    asked = f"{instruction}\n\n{more}" if more else instruction
    return Example(row.line, messages=(*_before(row), *_turn(asked, answer))), []


def _before(row: Row) -> tuple[Message, ...]:
    """The system message and earlier turns that an Alpaca row may carry."""
    system = text_of(row.value, pick(row.value, ("system",)), needed=False)
    made: list[Message] = [{"role": "system", "content": system}] if system.strip() else []
    for turn in row.value.get(pick(row.value, ("history",))) or ():
        if not (isinstance(turn, list) and len(turn) == 2 and all(isinstance(t, str) for t in turn)):
            raise Unusable("type", "history is not a list of questions with answers.")
        made += _turn(*turn)
    return tuple(made)


def _turn(asked: str, answer: str) -> tuple[Message, Message]:
    return {"role": "user", "content": asked}, {"role": "assistant", "content": answer}


def _completion(row: Row) -> Built:
    prompt, completion = row.value[pick(row.value, _PROMPT)], row.value[pick(row.value, _COMPLETION)]
    if chat.is_conversation(prompt):
        after = completion if chat.is_conversation(completion) else [{"role": "assistant", "content": completion}]
        messages, remarks = chat.answered((*chat.conversation(prompt), *chat.conversation(after)))
        return Example(row.line, messages=messages), remarks
    prompt = text_of(row.value, pick(row.value, _PROMPT), needed=False)
    return Example(row.line, prompt=prompt, completion=text_of(row.value, pick(row.value, _COMPLETION))), []


def _question(row: Row) -> Built:
    asked = text_of(row.value, pick(row.value, _QUESTION))
    return Example(row.line, messages=_turn(asked, text_of(row.value, pick(row.value, _ANSWER)))), []


def _text(row: Row) -> Built:
    return Example(row.line, text=text_of(row.value, pick(row.value, _TEXT))), []


SHAPES: dict[str, tuple[Shape, ...]] = {
    TEXT: (
        Shape("Chat messages", "messages", _chat_columns("role"), _chat),
        Shape("ShareGPT", "conversations", _chat_columns("from"), _chat),
        Shape(
            "Alpaca",
            "instruction and output",
            _columns(_INSTRUCTION, _OUTPUT, extra=(*_INPUT, "system", "history")),
            _alpaca,
        ),
        Shape("Prompt and completion", "prompt and completion", _columns(_PROMPT, _COMPLETION), _completion),
        Shape("Questions and answers", "question and answer", _columns(_QUESTION, _ANSWER), _question),
        Shape("Plain text", "text", _columns(_TEXT), _text),
    ),
    PAIRS: (),
    THUMBS: (),
    QUESTIONS: (),
}
