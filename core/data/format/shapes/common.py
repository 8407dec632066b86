"""What every kind of data shares: how a shape is described, and how a row's columns are read."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.data.format import conversation as chat
from core.data.format.example import Example, Message, Remark, Unusable
from core.data.read.json_text import mend
from core.data.read.reader import Row

Values = Mapping[str, Any]
Built = tuple[tuple[Example, ...], list[Remark]]  # usually one example; a pair makes two for thumbs

MESSAGES = ("messages", "conversations", "conversation", "dialog", "dialogue", "chat")
INSTRUCTION = ("instruction",)
INPUT = ("input", "context")
OUTPUT = ("output", "response", "answer", "completion")
PROMPT = ("prompt",)
COMPLETION = ("completion", "response", "output", "answer")
QUESTION = ("question", "query", "problem", "input", "user")
ANSWER = ("answer", "response", "solution", "output", "assistant", "reply", "completion")
THINKING = ("thinking", "reasoning", "reasoning_content", "thought")
SYSTEM = ("system", "system_prompt")
TOOLS = ("tools", "functions")


@dataclass(frozen=True)
class Shape:
    """A known set of columns. `columns` gives those of a row that it would use, or nothing if it is not this shape."""

    name: str
    needs: str  # in words, for the sentence that tells what is expected; "" where another shape says it
    columns: Callable[[Values], tuple[str, ...]]
    build: Callable[[Row], Built]  # raises Unusable
    said: str = ""  # what is done to rows that were meant for another kind of data


def pick(value: Values, names: tuple[str, ...]) -> str:
    """The row's own name of the first of these columns that it has, upper and lower case alike; else ""."""
    for name in names:
        if name in value:
            return name
    return _pick(tuple(value), names)


@functools.lru_cache(maxsize=1024)  # nearly all rows of a file have the same columns
def _pick(columns: tuple[str, ...], names: tuple[str, ...]) -> str:
    own = {c.strip().lower(): c for c in columns}
    return next((own[n] for n in names if n in own), "")


def get(value: Values, names: tuple[str, ...]) -> Any:
    """What stands in the first of these columns; lists and objects that a table holds as text are taken apart."""
    return structure(value.get(pick(value, names)))


def structure(found: Any) -> Any:
    """A value itself, or the list or object that its text holds in JSON or as Python writes it."""
    if not (isinstance(found, str) and found[:1] in "[{" and found.rstrip()[-1:] in "]}" and found):
        return found
    try:
        made = json.loads(found)
    except (ValueError, RecursionError):
        mended = mend(found)
        made = mended[0] if mended else found
    # A text that merely looks like a list stays text.
    plain = isinstance(made, list) and not all(isinstance(m, dict) for m in made)
    return found if plain or made == [] else made


def needs(*groups: tuple[str, ...], extra: tuple[tuple[str, ...], ...] = ()) -> Callable[[Values], tuple[str, ...]]:
    """A shape that needs one column of each group, all different, and may use one of each group in `extra`."""

    def columns(value: Values) -> tuple[str, ...]:
        found = tuple(pick(value, names) for names in groups)
        if not all(found) or len(set(found)) < len(found):
            return ()
        more = dict.fromkeys(pick(value, names) for names in extra)
        return found + tuple(c for c in more if c and c not in found)

    return columns


def text(value: Values, names: tuple[str, ...], *, needed: bool = True) -> str:
    """The text in the first of these columns. Raises Unusable when it is null, empty (if needed) or no text."""
    column = pick(value, names)
    found = value.get(column)
    if isinstance(found, bool | list | dict):
        raise Unusable("type", f"{column} is not text.")
    if found is None and needed:
        raise Unusable("null", f"{column} is null.")
    made = "" if found is None else str(found)
    if needed and not made.strip():
        answer = column.lower() in (*ANSWER, *COMPLETION, "chosen", "rejected")
        raise Unusable("empty-answer" if answer else "empty", f"{column} is empty.")
    return made


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


def system(value: Values) -> tuple[Message, ...]:
    """The system message that a column holds, if any."""
    found = text(value, SYSTEM, needed=False)
    return ({"role": "system", "content": found},) if found.strip() else ()


def instruction(value: Values) -> tuple[Message, ...]:
    """What an Alpaca row asks: system message, earlier turns, then instruction, blank line and input."""
    made = list(system(value))
    earlier = get(value, ("history",)) or ()
    for turn in earlier if isinstance(earlier, list | tuple) else (earlier,):
        if not (isinstance(turn, list) and len(turn) == 2 and all(isinstance(t, str) for t in turn)):
            raise Unusable("type", "history is not a list of questions with answers.")
        made += [user(turn[0]), assistant(turn[1])]
    more = text(value, INPUT, needed=False).strip()
    asked = text(value, INSTRUCTION)
    return (*made, user(f"{asked}\n\n{more}" if more else asked))


def messages(value: Values, names: tuple[str, ...] = MESSAGES) -> tuple[Message, ...]:
    """The conversation in a column, with the system message of another. Raises Unusable."""
    found = get(value, names)
    if not found:
        raise Unusable("no-answer", "The conversation is empty.")
    made = chat.conversation(found)
    return made if made[0]["role"] == "system" else (*system(value), *made)


def tools(value: Values) -> tuple[dict[str, Any], ...]:
    """The functions that a row offers to the model, as JSON schemas in OpenAI's form. Raises Unusable."""
    found = get(value, TOOLS)
    if found is None or found == "" or found == []:
        return ()
    if not isinstance(found, list) or not all(isinstance(t, dict) for t in found):
        raise Unusable("tools", "tools is not a list of function descriptions.")
    return tuple(t if "function" in t else {"type": "function", "function": t} for t in found)
