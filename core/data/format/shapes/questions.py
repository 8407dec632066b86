"""Questions whose answers can be checked. The answer to check against never stands in the prompt."""

import re

from core.data.format import conversation as chat
from core.data.format.example import Example, Unusable
from core.data.format.shapes import common, pairs
from core.data.format.shapes.common import ParseResult, Shape, Values
from core.data.read.reader import Row

_QUESTION = ("question", "problem", "query", "input", "user")
_ANSWER = ("final_answer", "answer", "ground_truth", "expected", "target", "solution", "response", "output")
_PROMPT_ANSWER = (*_ANSWER, "completion")
_GRADE_SCHOOL = re.compile(r"####\s*(.+?)\s*$", re.DOTALL)


def final_answer(answer: str) -> str:
    """The result of a worked answer: what follows the last "####", or stands in the last \\boxed{…}, or all of it."""
    match = _GRADE_SCHOOL.search(answer[answer.rfind("####") :]) if "####" in answer else None
    if match:
        return match.group(1)
    box = answer.rfind("\\boxed{")
    if box < 0:
        return answer.strip()
    depth, start = 0, box + len("\\boxed{")
    for n, character in enumerate(answer[start:], start):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return answer[start:n].strip()
    return answer.strip()


def _build_question(row: Row) -> ParseResult:
    messages = (*common.system_messages(row.value), common.user_message(common.read_text(row.value, _QUESTION)))
    return _build_from_messages(
        row, messages, common.read_text(row.value, _ANSWER) if common.find_column(row.value, _ANSWER) else None
    )


def _build_prompt(row: Row) -> ParseResult:
    prompt = common.column_value(row.value, common.PROMPT)
    column = common.find_column(row.value, _PROMPT_ANSWER)
    answer = common.read_text(row.value, _PROMPT_ANSWER) if column else None
    if chat.is_conversation(prompt):
        return _build_from_messages(row, chat.parse_messages(prompt), answer)
    prompt = common.read_text(row.value, common.PROMPT)
    return (Example(row.line, prompt=prompt, answer=None if answer is None else final_answer(answer)),), []


def _build_instruction(row: Row) -> ParseResult:
    return _build_from_messages(row, common.instruction_messages(row.value), common.read_text(row.value, common.OUTPUT))


def _build_conversation(row: Row) -> ParseResult:
    messages, remarks = chat.trim_to_last_answer(common.read_messages(row.value))
    *prompt, last = messages
    examples, _ = _build_from_messages(row, tuple(prompt), last["content"])
    return examples, remarks


def _build_from_messages(row: Row, messages: tuple[dict[str, object], ...], answer: str | None) -> ParseResult:
    if not messages or messages[-1]["role"] == "assistant":
        raise Unusable("no-prompt", "There is no question to ask.")
    result = None if answer is None else final_answer(answer)
    return (Example(row.line, messages=messages, answer=result, tools=common.read_tools(row.value)),), []


def _is_conversation(value: Values) -> tuple[str, ...]:
    has_messages = isinstance(common.column_value(value, common.MESSAGES), list)
    return common.require_columns(common.MESSAGES, extra=(common.SYSTEM, common.TOOLS))(value) if has_messages else ()


def _build_prompt_of_pair(row: Row) -> ParseResult:
    """The prompt of a preference pair, without an answer: which of the two is right is not known."""
    (pair,), remarks = pairs.build_pair(row)
    return (Example(row.line, messages=pair.messages, prompt=pair.prompt, tools=pair.tools),), remarks


_NO_ANSWERS = "There are no answers to check against."
_IS_ALPACA = common.require_columns(common.INSTRUCTION, common.OUTPUT, extra=(("input",), ("context",), common.SYSTEM))

SHAPES = (
    Shape(pairs.NAME, "", pairs.match_columns, _build_prompt_of_pair, f"Only the questions are asked. {_NO_ANSWERS}"),
    Shape("Alpaca", "", _IS_ALPACA, _build_instruction, "The output is what answers are checked against."),
    Shape(
        "Questions and answers",
        "question and answer",
        common.require_columns(_QUESTION, _ANSWER, extra=(common.SYSTEM,)),
        _build_question,
    ),
    Shape(
        "Prompts and answers", "prompt and answer", common.require_columns(common.PROMPT, _PROMPT_ANSWER), _build_prompt
    ),
    Shape(
        "Conversations",
        "messages",
        _is_conversation,
        _build_conversation,
        "They are asked up to their last answer, which is what answers are checked against.",
    ),
    Shape("Prompts", "prompt", common.require_columns(common.PROMPT), _build_prompt, _NO_ANSWERS),
    Shape("Questions", "", common.require_columns(_QUESTION), _build_question, _NO_ANSWERS),
)
