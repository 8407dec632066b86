"""Shared by every kind of data: how a shape is described, and how a row's columns are read."""

import functools
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.data.format import column_names as names_of
from core.data.format import conversation as chat
from core.data.format import gemini
from core.data.format.example import Example, Message, Remark, Unusable
from core.data.format.message_content import is_null, text_of_parts
from core.data.read.json_value import repair_json
from core.data.read.reader import Row
from core.text.sentence import say
from core.text.visible import is_blank

Values = Mapping[str, Any]
# (examples, remarks) of a row: usually one example; a preference pair makes two for UNPAIRED.
ParseResult = tuple[tuple[Example, ...], list[Remark]]

# What such a column holds where it says whether, or how much, a model thinks, not what it thought.
_SWITCHES = (
    "on", "off", "true", "false", "yes", "no", "none", "nan", "null", "0", "1", "enabled", "disabled", "minimal", "low",
    "medium", "high",
)  # fmt: skip
_EMPTY_STRUCTURES = ("", "[]", "{}", "null", "none", "nan")  # texts that stand for no list and no object


@dataclass(frozen=True)
class Shape:
    """A known set of columns. `columns` gives those that it would use of a row; none if the row has another shape."""

    name: str
    expected: str  # for the sentence that names the expected columns; "" where another shape names them
    columns: Callable[[Values], tuple[str, ...]]
    build: Callable[[Row], ParseResult]  # raises Unusable
    note: str = ""  # what is done to rows that were made for another kind of data


def find_column(value: Values, names: tuple[str, ...]) -> str:
    """The row's own name of the first of these columns that it has, in any case and with blanks for underscores; ""
    where it has none of them."""
    return names[0] if names[0] in value else _find_among(tuple(value), names)


@functools.lru_cache(maxsize=1024)  # nearly all rows of a file have the same columns
def _find_among(columns: tuple[str, ...], names: tuple[str, ...]) -> str:
    for name in names:
        if name in columns:
            return name
    by_lower = {unicodedata.normalize("NFC", c.strip().lower()).replace(" ", "_"): c for c in columns}
    return next((by_lower[n] for n in names if n in by_lower), "")


def column_value(value: Values, names: tuple[str, ...]) -> Any:
    """The value of the first of these columns that the row has; lists and objects that a table holds as text are
    parsed."""
    return parse_structure(value.get(find_column(value, names)))


def structure_value(value: Values, names: tuple[str, ...]) -> Any:
    """column_value() of a column that holds a list or an object; None where it holds nothing, however that is
    written."""
    column = find_column(value, names)
    if not column:
        return None
    content = parse_structure(value[column])
    if isinstance(content, str) and content.strip().lower() in _EMPTY_STRUCTURES:
        return None
    return None if (not content and content in ([], {}, ())) or is_null(content) else content


def parse_structure(value: Any) -> Any:
    """A value itself, or the list or object that its text holds in JSON or as Python writes it."""
    if not (isinstance(value, str) and value[:1] in "[{" and value.rstrip()[-1:] in "]}" and value):
        return value
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        repaired = repair_json(value)
        parsed = repaired[0] if repaired else value
    # A text that merely looks like a list stays text.
    is_text = isinstance(parsed, list) and not all(isinstance(m, dict) for m in parsed)
    return value if is_text or parsed == [] else parsed


def require_columns(
    *groups: tuple[str, ...], extra: tuple[tuple[str, ...], ...] = ()
) -> Callable[[Values], tuple[str, ...]]:
    """Shape.columns of a shape that needs one column of each group, all different, and may use one of each group in
    `extra`."""

    @functools.lru_cache(maxsize=1024)  # nearly all rows of a file have the same columns
    def match(row_columns: tuple[str, ...]) -> tuple[str, ...]:
        row = dict.fromkeys(row_columns)
        required = tuple(find_column(row, names) for names in groups)
        if not all(required) or len(set(required)) < len(required):
            return ()
        optional = dict.fromkeys(find_column(row, names) for names in extra)
        return required + tuple(c for c in optional if c and c not in required)

    return lambda value: match(tuple(value))


def read_text(value: Values, names: tuple[str, ...], *, required: bool = True) -> str:
    """The text in the first of these columns. Raises Unusable when it is null, empty (if required) or no text."""
    column = find_column(value, names)
    if not column and not required:
        return ""
    content = value.get(column)
    if isinstance(content, str):
        return _checked(column, content, False, required) if is_blank(content) else content
    if isinstance(content, bool | list | dict | bytes) and content not in ([], {}):
        raise Unusable("type", say("{column} is not text.", column=column))
    if content in ([], {}):
        content = None
    return _checked(column, "" if is_null(content) else str(content), is_null(content), required)


def read_answer(value: Values, names: tuple[str, ...]) -> str:
    """The answer in the first of these columns, with the thinking of another column before it.

    An object or a list is written as JSON; of the accepted answers that SQuAD and TriviaQA list, and of verl's
    reward_model, the right answer is taken. Raises Unusable when there is none.
    """
    column = find_column(value, names)
    content = parse_structure(value.get(column))
    if not isinstance(content, str):
        content = _right_answer(column, content)
    answer = _checked(column, "" if content is None else content, content is None, True)
    thinking = _read_thinking(value)
    if answer.lstrip().startswith("<think>"):  # it holds its thinking itself
        return answer
    return f"<think>\n{thinking}\n</think>\n\n{answer}" if thinking else answer


def _read_thinking(value: Values) -> str:
    """What was thought before the answer; "" where the column only says whether to think."""
    column = find_column(value, names_of.THINKING)
    if not column or isinstance(value[column], bool | int | float):
        return ""
    text = read_text(value, (column,), required=False).strip()
    text = text.removeprefix("<think>").removesuffix("</think>").strip()
    return "" if text.lower() in _SWITCHES else text


def _right_answer(column: str, content: Any) -> str | None:
    """The text of an answer that is a list, an object or a number; None where there is none."""
    if isinstance(content, dict) and "ground_truth" in content:
        content = content["ground_truth"]
    elif isinstance(content, dict) and {"value", "aliases"} <= content.keys():
        content = content["value"]
    elif column.strip().lower() == "reference_answer" and isinstance(content, dict) and len(content) == 1:
        (content,) = content.values()  # as OpenAI's graders name it
    elif column.strip().lower() == "answers":
        accepted = content.get("text") if isinstance(content, dict) else content
        content = next(iter(accepted), None) if isinstance(accepted, list) else accepted
        content = content["text"] if isinstance(content, dict) and "text" in content else content
    elif isinstance(content, list) and content and all(map(_is_written, content)):
        content = content[0]["value"]  # of what several people wrote, the first
    if isinstance(content, bytes):  # of a Parquet file
        raise Unusable("type", say("{column} is not text.", column=column))
    if isinstance(content, bool | list | dict):
        content = json.dumps(content, ensure_ascii=False, default=str)
    return None if is_null(content) else str(content)


def _is_written(content: Any) -> bool:
    """Whether a value is what a person wrote, as Argilla exports it."""
    return isinstance(content, dict) and {"user_id", "value"} <= content.keys()


def _checked(column: str, text: str, is_missing: bool, required: bool) -> str:
    """The text. Raises Unusable where it is required and not there."""
    if not required or not is_blank(text):
        return text
    if is_missing:
        raise Unusable("null", say("{column} is null.", column=column))
    is_answer = column.lower() in (*names_of.ANSWER, *names_of.COMPLETION, "chosen", "rejected")
    raise Unusable("empty-answer" if is_answer else "empty", say("{column} is empty.", column=column))


def user_message(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant_message(content: str) -> Message:
    return {"role": "assistant", "content": content}


def system_messages(value: Values) -> tuple[Message, ...]:
    """The system message that a column holds: one message or none. Raises Unusable."""
    if not find_column(value, names_of.SYSTEM):
        return ()
    held = structure_value(value, names_of.SYSTEM)
    if gemini.is_content(held):
        return chat.parse_messages([gemini.as_message({**held, "role": "system"})])
    if (text := text_of_parts(held)) is not None:  # as Anthropic has it
        return ({"role": "system", "content": text},)
    content = read_text(value, names_of.SYSTEM, required=False)
    return () if is_blank(content) else ({"role": "system", "content": content},)


def read_messages(value: Values, names: tuple[str, ...] = names_of.MESSAGES) -> tuple[Message, ...]:
    """The conversation in the first of these columns, with the system message of another column. Raises Unusable."""
    held = structure_value(value, names)
    if _are_questions_alone(value, find_column(value, names), held):
        raise Unusable("no-answer", say("turns holds the questions of a benchmark, without answers."))
    conversation = chat.as_messages(held)
    if not conversation:
        raise Unusable("no-answer", say("The conversation is empty."))
    if not isinstance(conversation, list | tuple):
        raise Unusable("type", say("{column} is not a list of messages.", column=find_column(value, names)))
    messages = chat.parse_messages(conversation)
    return messages if messages[0]["role"] in ("system", "developer") else (*system_messages(value), *messages)


def _are_questions_alone(value: Values, column: str, held: Any) -> bool:
    """Whether texts are all questions, as in MT-Bench, where other lists of texts take turns."""
    has_marks = any(find_column(value, (name,)) for name in ("question_id", "reference"))
    return column.lower() == "turns" and has_marks and isinstance(held, list) and isinstance(held[0], str)


def read_tools(value: Values) -> tuple[dict[str, Any], ...]:
    """The functions that a row offers to the model, as JSON schemas in OpenAI's form. Raises Unusable."""
    functions = structure_value(value, names_of.TOOLS)
    if functions is None:
        return ()
    if isinstance(functions, dict):
        functions = [functions]
    if not isinstance(functions, list) or not all(isinstance(t, dict) for t in functions):
        raise Unusable("tools", say("tools is not a list of function descriptions."))
    return tuple(map(_as_tool, gemini.declared_functions(functions)))


def _as_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A function's description in OpenAI's form; Anthropic and Bedrock call the parameters the schema of its input."""
    tool = tool["toolSpec"] if isinstance(tool.get("toolSpec"), dict) else tool
    if "function" in tool:
        return tool
    schema = next((tool[key] for key in ("input_schema", "inputSchema") if key in tool), None)
    if isinstance(schema, dict) and "parameters" not in tool:
        others = {key: value for key, value in tool.items() if key not in ("input_schema", "inputSchema")}
        tool = others | {"parameters": schema["json"] if isinstance(schema.get("json"), dict) else schema}
    return {"type": "function", "function": tool}
