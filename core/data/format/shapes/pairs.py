"""Preference pairs: rows with a chosen and a rejected answer, and the prompt in a column of its own or within both."""

import re
from typing import Any

from core.data.format import conversation as chat
from core.data.format.example import Example, Message, Unusable
from core.data.format.shapes import common
from core.data.format.shapes.common import ParseResult, Shape, Values
from core.data.read.reader import Row

NAME = "Preference pairs"
CHOSEN = ("chosen", "preferred", "better", "accepted")
REJECTED = ("rejected", "dispreferred", "worse")
_PROMPT_COLUMNS = (*common.PROMPT, *common.INSTRUCTION, "question", "query", *common.MESSAGES)
_SPEAKER = re.compile(r"\n\n(Human|Assistant): ?")

match_columns = common.require_columns(
    CHOSEN, REJECTED, extra=(_PROMPT_COLUMNS, ("input",), common.SYSTEM, common.TOOLS)
)


def build_pair(row: Row) -> ParseResult:
    """One example: a prompt (messages, or text), with chosen and rejected of the same form. Raises Unusable."""
    chosen, rejected = (_read_answer(row.value, names) for names in (CHOSEN, REJECTED))
    if type(chosen) is not type(rejected):
        raise Unusable("type", "chosen and rejected are not of the same form.")
    if chosen == rejected:
        raise Unusable("same-answers", "chosen and rejected are the same.")
    if isinstance(chosen, str) and isinstance(rejected, str):
        example = _pair_of_texts(row, chosen, rejected)
    elif isinstance(chosen, tuple) and isinstance(rejected, tuple):
        example = _pair_of_messages(row, chosen, rejected)
    if example.chosen == example.rejected:
        raise Unusable("same-answers", "chosen and rejected are the same.")
    return (example,), []


def _read_answer(value: Values, names: tuple[str, ...]) -> str | tuple[Message, ...]:
    """One of the two answers: text, or messages (a single one counts as a list of one)."""
    answer = common.column_value(value, names)
    if isinstance(answer, dict):
        answer = [answer]
    if chat.is_conversation(answer):
        messages = chat.parse_messages(answer)
        if messages[-1]["role"] != "assistant" or not chat.has_content(messages[-1]):
            raise Unusable("empty-answer", f"{common.find_column(value, names)} does not end with an answer.")
        return messages
    return common.read_text(value, names)


def _pair_of_texts(row: Row, chosen: str, rejected: str) -> Example:
    column = common.find_column(row.value, _PROMPT_COLUMNS)
    if not column:
        if _is_transcript(chosen) and _is_transcript(rejected):
            return _split_off_prompt(row, _parse_transcript(chosen), _parse_transcript(rejected))
        shared = _common_prefix_length(chosen, rejected)
        # As TRL: the space before the first word that differs belongs to the answers.
        shared -= shared > 0 and chosen[shared - 1] == " "
        return Example(row.line, prompt=chosen[:shared], chosen=chosen[shared:], rejected=rejected[shared:])
    prompt = _read_prompt(row.value, column)
    if isinstance(prompt, str):
        return Example(row.line, prompt=prompt, chosen=chosen, rejected=rejected)
    answers = ((common.assistant_message(chosen),), (common.assistant_message(rejected),))
    return _pair_with_prompt(row, prompt, *answers)


def _pair_of_messages(row: Row, chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> Example:
    column = common.find_column(row.value, _PROMPT_COLUMNS)
    has_prompt = chosen[0]["role"] != "assistant"  # both answers repeat the conversation before them
    if not column or (has_prompt and isinstance(common.column_value(row.value, (column,)), str)):
        return _split_off_prompt(row, chosen, rejected)
    prompt = _read_prompt(row.value, column)
    if isinstance(prompt, str):
        prompt = (*common.system_messages(row.value), common.user_message(prompt))
    if has_prompt and chosen[: len(prompt)] == prompt and rejected[: len(prompt)] == prompt:
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    return _pair_with_prompt(row, prompt, chosen, rejected)


def _read_prompt(value: Values, column: str) -> str | tuple[Message, ...]:
    """The prompt in a column: the text of a prompt column as it stands, anything else as messages."""
    content: Any = common.column_value(value, (column,))
    if column.strip().lower() == "instruction":
        return common.instruction_messages(value)
    if isinstance(content, list):
        return common.read_messages(value, (column,))
    text = common.read_text(value, (column,), required=False)
    if column.strip().lower() in common.PROMPT:
        return text
    return (*common.system_messages(value), common.user_message(text))


def _pair_with_prompt(
    row: Row, prompt: tuple[Message, ...], chosen: tuple[Message, ...], rejected: tuple[Message, ...]
) -> Example:
    return Example(row.line, messages=prompt, chosen=chosen, rejected=rejected, tools=common.read_tools(row.value))


def _split_off_prompt(row: Row, chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> Example:
    """A pair whose prompt is what both conversations begin with."""
    shared = 0
    while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
        shared += 1
    if not shared or shared == min(len(chosen), len(rejected)):
        raise Unusable("no-prompt", "chosen and rejected do not begin with the same question.")
    system = () if chosen[0]["role"] == "system" else common.system_messages(row.value)
    return _pair_with_prompt(row, (*system, *chosen[:shared]), chosen[shared:], rejected[shared:])


def _is_transcript(text: str) -> bool:
    speakers = _SPEAKER.findall(text)
    return "Human" in speakers and "Assistant" in speakers and text.startswith("\n\nHuman:")


def _parse_transcript(text: str) -> tuple[Message, ...]:
    """Messages of a text in which "Human:" and "Assistant:" take turns."""
    parts = _SPEAKER.split(text)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    messages = [
        {"role": roles[name], "content": text.strip()} for name, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    if messages[-1]["role"] != "assistant" or not messages[-1]["content"]:
        raise Unusable("empty-answer", "The transcript does not end with an answer.")
    return tuple(messages)


def _common_prefix_length(first: str, second: str) -> int:
    for n, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return n
    return min(len(first), len(second))


SHAPES = (Shape(NAME, "prompt, chosen and rejected", match_columns, build_pair),)
