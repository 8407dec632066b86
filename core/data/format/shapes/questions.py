"""Questions whose answers can be checked. The answer to check against never stands in the prompt."""

import functools
from collections.abc import Callable

from core.data.format import column_names as names_of
from core.data.format import conversation as chat
from core.data.format.example import Example, Remark, Unusable
from core.data.format.final_answer import final_answer
from core.data.format.shapes import choices, common, pairs, prompts
from core.data.format.shapes.common import ParseResult, Shape, Values
from core.data.read.reader import Row
from core.text.sentence import say

_ANSWER = names_of.CHECKED_ANSWER
_PROMPT_ANSWER = (*_ANSWER, *names_of.COMPLETION)


def _build_asked(prompt_names: tuple[str, ...], answer_names: tuple[str, ...]) -> Callable[[Row], ParseResult]:
    """Shape.build of rows with a prompt and, where there is one, what its answer is checked against."""

    def build(row: Row) -> ParseResult:
        row = prompts.open_input(row)
        prompt = prompts.read_prompt(row.value, prompt_names)
        has_answer = answer_names and common.find_column(row.value, answer_names)
        answer = common.read_answer(row.value, answer_names) if has_answer else None
        remarks = _accepted_remarks(row.value, answer_names) if has_answer else []
        if not isinstance(prompt, str):
            examples, more = _build_from_messages(row, prompt, answer)
            return examples, [*remarks, *more]
        if not prompt.strip():
            raise Unusable("empty", say("{column} is empty.", column=common.find_column(row.value, prompt_names)))
        return (Example(row.line, prompt=prompt, answer=None if answer is None else final_answer(answer)),), remarks

    return build


def _accepted_remarks(value: Values, names: tuple[str, ...]) -> list[Remark]:
    """A remark where a row lists several accepted answers, which differ."""
    column = common.find_column(value, names)
    accepted = common.parse_structure(value[column])
    accepted = accepted.get("text", accepted.get("aliases")) if isinstance(accepted, dict) else accepted
    if column.strip().lower() not in ("answers", "answer") or not isinstance(accepted, list):
        return []
    count = len({str(text).strip().casefold() for text in accepted})
    if count < 2 or not isinstance(accepted[0], str):
        return []
    message = say("{column} lists {count} accepted answers.", column=column, count=count)
    fix = say("Answers are checked against one of them; make a row of each, or keep the best.")
    return [Remark("several-accepted", "warning", message, fix)]


def _build_choice(first: int, row: Row) -> ParseResult:
    """A question with its choices, checked by the label of the right one."""
    prompt, listed = choices.read_question(row.value, first)
    return _build_from_messages(row, prompt, listed.labels[listed.right])


def _build_conversation(row: Row) -> ParseResult:
    """A conversation up to its last answer, checked by what another column says or else by this answer."""
    messages = common.read_messages(row.value)
    if common.find_column(row.value, _ANSWER):
        asked = messages[:-1] if messages[-1]["role"] == "assistant" else messages
        return _build_from_messages(row, asked, common.read_answer(row.value, _ANSWER))
    messages, remarks = chat.trim_to_last_answer(messages)
    *prompt, last = messages
    examples, _ = _build_from_messages(row, tuple(prompt), last["content"])
    return examples, remarks


def _build_from_messages(row: Row, messages: tuple[dict[str, object], ...], answer: str | None) -> ParseResult:
    if not messages or messages[-1]["role"] == "assistant":
        raise Unusable("no-prompt", say("There is no question to ask."))
    result = None if answer is None else final_answer(answer)
    return (Example(row.line, messages=messages, answer=result, tools=common.read_tools(row.value)),), []


_match_messages = common.require_columns(names_of.MESSAGES, extra=(_ANSWER, names_of.SYSTEM, names_of.TOOLS))


def _is_conversation(value: Values) -> tuple[str, ...]:
    return _match_messages(value) if isinstance(common.column_value(value, names_of.MESSAGES), list) else ()


def _build_prompt_of_pair(row: Row) -> ParseResult:
    """The prompt of a preference pair, without an answer: which of the two is right is not known."""
    (pair,), remarks = pairs.build_pair(row)
    return (Example(row.line, messages=pair.messages, prompt=pair.prompt, tools=pair.tools),), remarks


_NO_ANSWERS = say("There are no answers to check against.")


def _shape(name: str, expected: str, prompt: tuple[str, ...], answer: tuple[str, ...], note: str = "") -> Shape:
    groups = (prompt, answer) if answer else (prompt,)
    return Shape(
        name, expected, common.require_columns(*groups, extra=prompts.BESIDE), _build_asked(prompt, answer), note
    )


SHAPES = (
    Shape(
        pairs.NAME,
        "",
        pairs.match_columns,
        _build_prompt_of_pair,
        say("Only the questions are asked. {no_answers}", no_answers=_NO_ANSWERS),
    ),
    Shape(choices.NAME, "", choices.match_columns, functools.partial(_build_choice, 0)),
    _shape("Alpaca", "", names_of.INSTRUCTION, names_of.OUTPUT, say("The output is what answers are checked against.")),
    _shape(say("Questions and answers"), say("question and answer"), names_of.QUESTION, _ANSWER),
    _shape(say("Prompts and answers"), say("prompt and answer"), names_of.PROMPT, _PROMPT_ANSWER),
    Shape(
        "Conversations",
        "messages",
        _is_conversation,
        _build_conversation,
        say(
            "They are asked up to their last answer, which is what answers are checked against where no column says it."
        ),
    ),
    _shape("Prompts", "prompt", names_of.PROMPT, (), _NO_ANSWERS),
    _shape("Questions", "", names_of.QUESTION, (), _NO_ANSWERS),
)
