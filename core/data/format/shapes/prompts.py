"""The prompt of a row: what is asked, with all that stands beside it. The same for every kind of data."""

import functools
from typing import Any, NamedTuple

from core.data.format import column_names as names_of
from core.data.format import conversation as chat
from core.data.format.example import Message, Unusable
from core.data.format.message_content import is_null
from core.data.format.shapes.common import (
    Values,
    assistant_message,
    find_column,
    parse_structure,
    read_messages,
    read_text,
    structure_value,
    system_messages,
    user_message,
)
from core.data.read.reader import Row
from core.text.sentence import say

TEXT_PROMPTS = (*names_of.PROMPT, *names_of.INSTRUCTION, *names_of.QUESTION)
ANY_PROMPT = (*TEXT_PROMPTS, *names_of.MESSAGES)
# What may stand beside a prompt and becomes part of it.
BESIDE = (*((name,) for name in names_of.CONTEXT), names_of.SYSTEM, names_of.HISTORY, names_of.TOOLS)


def read_prompt(value: Values, names: tuple[str, ...]) -> str | tuple[Message, ...]:
    """The prompt in the first of these columns.

    Text of a prompt column alone stays text, which no chat template is put around. Anything else becomes messages: the
    system message, earlier turns, and the question with its context: behind an instruction, before a question. Raises
    Unusable.
    """
    column = find_column(value, names)
    kind = column.strip().lower()
    content = parse_structure(value.get(column))
    if kind in names_of.MESSAGES or chat.is_conversation(content):
        return read_messages(value, (column,))
    if is_null(content):
        raise Unusable("null", say("{column} is null.", column=column))
    question = read_text(value, (column,), required=kind not in names_of.PROMPT)
    beside = _find_beside(tuple(value))
    before: tuple[Message, ...] = ()
    if beside.has_before:
        before = (*system_messages(value), *_read_history(value, kind in names_of.INSTRUCTION))
    context = _read_context(value, beside.context, column)
    if kind in names_of.PROMPT and not before and not context:
        return question
    parts = [question, *context] if kind in names_of.INSTRUCTION else [*context, question]
    return (*before, user_message("\n\n".join(parts)))


def open_input(row: Row) -> Row:
    """The row with the conversation and the functions that its prompt column holds as an object, as in OpenAI's
    preference data, in that column and in one of its own; any other row as it is."""
    column = find_column(row.value, (*TEXT_PROMPTS,))
    held = row.value.get(column)
    if not isinstance(held, dict) and not (isinstance(held, str) and held[:1] == "{"):
        return row
    inside: Any = parse_structure(held)
    messages = find_column(inside, names_of.MESSAGES) if isinstance(inside, dict) else ""
    if not messages:
        return row
    others = {name: content for name, content in inside.items() if name != messages}
    return Row(row.line, {**row.value, **others, column: inside[messages]})


def as_messages(prompt: str | tuple[Message, ...]) -> tuple[Message, ...]:
    """A prompt as messages: a text is what the user says."""
    return (user_message(prompt),) if isinstance(prompt, str) else prompt


def _read_context(value: Values, columns: tuple[str, ...], prompt_column: str) -> list[str]:
    """The texts of the columns that hold context, the prompt's own aside."""
    own = (_joined(value, column) for column in columns if column != prompt_column)
    return [text for text in own if text]


def _joined(value: Values, column: str) -> str:
    """The text of a column, or the texts of a list, such as passages that were found."""
    content = value.get(column)
    if isinstance(content, list) and all(isinstance(text, str) for text in content):
        return "\n\n".join(text.strip() for text in content if text.strip())
    return read_text(value, (column,), required=False).strip()


class _Beside(NamedTuple):
    """What a row has beside its prompt."""

    has_before: bool  # whether it has a system message or earlier turns
    context: tuple[str, ...]  # its own names of the columns with context


@functools.lru_cache(maxsize=1024)  # nearly all rows of a file have the same columns
def _find_beside(row_columns: tuple[str, ...]) -> _Beside:
    row = dict.fromkeys(row_columns)
    context = tuple(c for c in dict.fromkeys(find_column(row, (name,)) for name in names_of.CONTEXT) if c)
    return _Beside(bool(find_column(row, names_of.SYSTEM) or find_column(row, names_of.HISTORY)), context)


def _read_history(value: Values, required: bool) -> tuple[Message, ...]:
    """Earlier turns: a list of [question, answer]. Another kind of history is refused only where it is `required` to
    be one, as in Alpaca's format."""
    history: Any = structure_value(value, names_of.HISTORY)
    if history is None:
        return ()
    turns = history if isinstance(history, list | tuple) else (history,)
    if not all(isinstance(t, list) and len(t) == 2 and all(isinstance(text, str) for text in t) for t in turns):
        if required:
            raise Unusable("type", say("history is not a list of questions with answers."))
        return ()
    return tuple(m for q, a in turns for m in (user_message(q), assistant_message(a)))
