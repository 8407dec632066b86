"""Preference pairs: rows with a chosen and a rejected answer, and the prompt in a column of its own or within both."""

import re

from core.data.format import column_names as names_of
from core.data.format import conversation as chat
from core.data.format.example import Example, Message, Remark, Unusable
from core.data.format.shapes import common, compared, prompts
from core.data.format.shapes.common import ParseResult, Shape, Values
from core.data.read.reader import Row
from core.text.sentence import say

NAME = say("Preference pairs")
_LAST_WORDS = {"assistant": say("an answer"), "user": say("a question")}
_SPEAKER = re.compile(r"\n\n(Human|Assistant): ?")

_match_both = common.require_columns(names_of.CHOSEN, names_of.REJECTED, extra=(prompts.ANY_PROMPT, *prompts.BESIDE))


def match_columns(value: Values) -> tuple[str, ...]:
    """Shape.columns of a preference pair, however it is told."""
    return _match_both(value) or compared.match_columns(value)


def build_pair(row: Row) -> ParseResult:
    """One example: a prompt (messages, or text), with chosen and rejected of the same form. Raises Unusable."""
    row = prompts.open_input(row)
    if not _match_both(row.value):
        row = Row(row.line, dict(compared.as_pair(row.value)))
    chosen, rejected = (_read_answer(row.value, names) for names in (names_of.CHOSEN, names_of.REJECTED))
    if type(chosen) is not type(rejected):
        raise Unusable("type", say("chosen and rejected are not of the same form."))
    if _are_same(chosen, rejected):
        raise Unusable("same-answers", say("chosen and rejected are the same."))
    remarks: list[Remark] = []
    if isinstance(chosen, str) and isinstance(rejected, str):
        example = _pair_of_texts(row, chosen, rejected)
        is_shared = not common.find_column(row.value, prompts.ANY_PROMPT)
        if is_shared and example.prompt is not None and not re.search(r"\w\w", example.prompt):
            message = say("The row has no question: chosen and rejected do not begin with the same words.")
            fix = say("Put the question into a column named prompt.")
            remarks.append(Remark("no-question", "warning", message, fix))
    elif isinstance(chosen, tuple) and isinstance(rejected, tuple):
        example = _pair_of_messages(row, chosen, rejected)
    if example.chosen == example.rejected:
        raise Unusable("same-answers", say("chosen and rejected are the same."))
    return (example,), remarks


def _are_same(chosen: str | tuple[Message, ...], rejected: str | tuple[Message, ...]) -> bool:
    """Whether two answers differ in nothing but blanks around them."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        return chosen.strip() == rejected.strip()
    return chosen == rejected


def _read_answer(value: Values, names: tuple[str, ...]) -> str | tuple[Message, ...]:
    """One of the two answers: text, or messages (a single one counts as a list of one)."""
    answer = chat.as_answer(common.column_value(value, names))
    if isinstance(answer, dict):
        answer = [answer]
    if isinstance(answer, list) and answer and all(isinstance(text, str) for text in answer):
        column = common.find_column(value, names)
        if len(answer) > 1:
            message = say("{column} holds several answers, of which a row can have one.", column=column)
            raise Unusable("several", message)
        return common.read_answer({**value, column: answer[0]}, names)
    if chat.is_conversation(answer):
        messages = chat.parse_messages(answer)
        if messages[-1]["role"] != "assistant" or not chat.has_content(messages[-1]):
            raise Unusable(
                "empty-answer", say("{column} does not end with an answer.", column=common.find_column(value, names))
            )
        return messages
    return common.read_answer(value, names)


def _pair_of_texts(row: Row, chosen: str, rejected: str) -> Example:
    column = common.find_column(row.value, prompts.ANY_PROMPT)
    if not column:
        if _is_transcript(chosen) and _is_transcript(rejected):
            return _split_off_prompt(row, _parse_transcript(chosen), _parse_transcript(rejected))
        shared = _common_prefix_length(chosen, rejected)
        # As TRL: the space before the first word that differs belongs to the answers.
        shared -= shared > 0 and chosen[shared - 1] == " "
        return Example(row.line, prompt=chosen[:shared], chosen=chosen[shared:], rejected=rejected[shared:])
    prompt = prompts.read_prompt(row.value, (column,))
    if isinstance(prompt, str) and _is_transcript(prompt) and prompt.rstrip().endswith("\n\nAssistant:"):
        prompt = _parse_transcript(prompt.rstrip().removesuffix("\n\nAssistant:"), "user")
    if isinstance(prompt, str):
        return Example(row.line, prompt=prompt, chosen=chosen, rejected=rejected)
    answers = ((common.assistant_message(chosen),), (common.assistant_message(rejected),))
    return _pair_with_prompt(row, prompt, *answers)


def _pair_of_messages(row: Row, chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> Example:
    column = common.find_column(row.value, prompts.ANY_PROMPT)
    has_prompt = chosen[0]["role"] != "assistant"  # both answers repeat the conversation before them
    if not column or (has_prompt and isinstance(common.column_value(row.value, (column,)), str)):
        return _split_off_prompt(row, chosen, rejected)
    prompt = prompts.as_messages(prompts.read_prompt(row.value, (column,)))
    spoken = prompt[1:] if prompt[0]["role"] in ("system", "developer") else prompt
    for repeated in (prompt, spoken) if has_prompt else ():
        size = len(repeated)
        if repeated and chosen[:size] == repeated == rejected[:size]:
            return _pair_with_prompt(row, prompt, chosen[size:], rejected[size:])
    if has_prompt and chosen[0] in (prompt[0], *spoken[:1]):  # the column holds an answer too, or another prompt
        return _split_off_prompt(row, chosen, rejected)
    return _pair_with_prompt(row, prompt, chosen, rejected)


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
        raise Unusable("no-prompt", say("chosen and rejected do not begin with the same question."))
    system = () if chosen[0]["role"] == "system" else common.system_messages(row.value)
    return _pair_with_prompt(row, (*system, *chosen[:shared]), chosen[shared:], rejected[shared:])


def _is_transcript(text: str) -> bool:
    speakers = _SPEAKER.findall(text)
    return "Human" in speakers and "Assistant" in speakers and text.startswith("\n\nHuman:")


def _parse_transcript(text: str, last_role: str = "assistant") -> tuple[Message, ...]:
    """Messages of a text in which "Human:" and "Assistant:" take turns. Raises Unusable where `last_role` has not the
    last word."""
    parts = _SPEAKER.split(text)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    messages = [
        {"role": roles[name], "content": text.strip()} for name, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    if messages[-1]["role"] != last_role or not messages[-1]["content"]:
        raise Unusable(
            "empty-answer", say("The transcript does not end with {last_words}.", last_words=_LAST_WORDS[last_role])
        )
    return tuple(messages)


def _common_prefix_length(first: str, second: str) -> int:
    for n, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return n
    return min(len(first), len(second))


SHAPES = (Shape(NAME, say("prompt, chosen and rejected"), match_columns, build_pair),)
