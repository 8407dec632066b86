"""Rows with a better and a worse answer, whatever way the question is told: beside them or within them."""

import re
from typing import Any

from core.data.format import conversation as chat
from core.data.format.example import Example, Message, Unusable
from core.data.format.shapes import common
from core.data.format.shapes.common import Built, Shape, Values
from core.data.read.reader import Row

NAME = "Preference pairs"
CHOSEN = ("chosen", "preferred", "better", "accepted")
REJECTED = ("rejected", "dispreferred", "worse")
_ASKED = (*common.PROMPT, *common.INSTRUCTION, "question", "query", *common.MESSAGES)
_SPEAKER = re.compile(r"\n\n(Human|Assistant): ?")

columns = common.needs(CHOSEN, REJECTED, extra=(_ASKED, ("input",), common.SYSTEM, common.TOOLS))


def build(row: Row) -> Built:
    """A prompt (messages, or text), with chosen and rejected of the same form. Raises Unusable."""
    chosen, rejected = (_answer(row.value, names) for names in (CHOSEN, REJECTED))
    if type(chosen) is not type(rejected):
        raise Unusable("type", "chosen and rejected are not of the same form.")
    if chosen == rejected:
        raise Unusable("same-answers", "chosen and rejected are the same.")
    if isinstance(chosen, str) and isinstance(rejected, str):
        example = _of_texts(row, chosen, rejected)
    elif isinstance(chosen, tuple) and isinstance(rejected, tuple):
        example = _of_messages(row, chosen, rejected)
    if example.chosen == example.rejected:
        raise Unusable("same-answers", "chosen and rejected are the same.")
    return (example,), []


def _answer(value: Values, names: tuple[str, ...]) -> str | tuple[Message, ...]:
    """One of the two answers: text, or messages (a single one counts as a list of one)."""
    found = common.get(value, names)
    if isinstance(found, dict):
        found = [found]
    if chat.is_conversation(found):
        messages = chat.conversation(found)
        if messages[-1]["role"] != "assistant" or not chat.says(messages[-1]):
            raise Unusable("empty-answer", f"{common.pick(value, names)} does not end with an answer.")
        return messages
    return common.text(value, names)


def _of_texts(row: Row, chosen: str, rejected: str) -> Example:
    asked = common.pick(row.value, _ASKED)
    if not asked:
        if _is_transcript(chosen) and _is_transcript(rejected):
            return _implicit(row, _transcript(chosen), _transcript(rejected))
        shared = _shared(chosen, rejected)
        # As TRL: the space before the first word that differs belongs to the answers.
        shared -= shared > 0 and chosen[shared - 1] == " "
        return Example(row.line, prompt=chosen[:shared], chosen=chosen[shared:], rejected=rejected[shared:])
    before = _before(row.value, asked)
    if isinstance(before, str):
        return Example(row.line, prompt=before, chosen=chosen, rejected=rejected)
    answers = ((common.assistant(chosen),), (common.assistant(rejected),))
    return _explicit(row, before, *answers)


def _of_messages(row: Row, chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> Example:
    asked = common.pick(row.value, _ASKED)
    whole = chosen[0]["role"] != "assistant"  # the answers repeat the conversation before them
    if not asked or (whole and isinstance(common.get(row.value, (asked,)), str)):
        return _implicit(row, chosen, rejected)
    before = _before(row.value, asked)
    if isinstance(before, str):
        before = (*common.system(row.value), common.user(before))
    if whole and chosen[: len(before)] == before and rejected[: len(before)] == before:
        chosen, rejected = chosen[len(before) :], rejected[len(before) :]
    return _explicit(row, before, chosen, rejected)


def _before(value: Values, asked: str) -> str | tuple[Message, ...]:
    """What was asked: text of a prompt column as it stands, anything else as messages."""
    found: Any = common.get(value, (asked,))
    if asked.strip().lower() == "instruction":
        return common.instruction(value)
    if isinstance(found, list):
        return common.messages(value, (asked,))
    words = common.text(value, (asked,), needed=False)
    if asked.strip().lower() in common.PROMPT:
        return words
    return (*common.system(value), common.user(words))


def _explicit(
    row: Row, before: tuple[Message, ...], chosen: tuple[Message, ...], rejected: tuple[Message, ...]
) -> Example:
    return Example(row.line, messages=before, chosen=chosen, rejected=rejected, tools=common.tools(row.value))


def _implicit(row: Row, chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> Example:
    """The prompt is what both conversations begin with."""
    shared = 0
    while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
        shared += 1
    if not shared or shared == min(len(chosen), len(rejected)):
        raise Unusable("no-prompt", "chosen and rejected do not begin with the same question.")
    before = chosen[:shared] if chosen[0]["role"] == "system" else (*common.system(row.value), *chosen[:shared])
    return _explicit(row, before, chosen[shared:], rejected[shared:])


def _is_transcript(text: str) -> bool:
    speakers = _SPEAKER.findall(text)
    return "Human" in speakers and "Assistant" in speakers and text.startswith("\n\nHuman:")


def _transcript(text: str) -> tuple[Message, ...]:
    """Messages of a text in which "Human:" and "Assistant:" take turns."""
    parts = _SPEAKER.split(text)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    made = [{"role": roles[who], "content": said.strip()} for who, said in zip(parts[::2], parts[1::2], strict=True)]
    if made[-1]["role"] != "assistant" or not made[-1]["content"]:
        raise Unusable("empty-answer", "The transcript does not end with an answer.")
    return tuple(made)


def _shared(one: str, other: str) -> int:
    """How many leading characters are the same."""
    for n, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return n
    return min(len(one), len(other))


SHAPES = (Shape(NAME, "prompt, chosen and rejected", columns, build),)
