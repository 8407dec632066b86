"""Rows with a question whose answer can be checked. The answer never stands in what the model is asked."""

import re

from core.data.format import conversation as chat
from core.data.format.example import Example, Unusable
from core.data.format.shapes import common, pairs
from core.data.format.shapes.common import Built, Shape, Values
from core.data.read.reader import Row

_QUESTION = ("question", "problem", "query", "input", "user")
_ANSWER = ("final_answer", "answer", "ground_truth", "expected", "target", "solution", "response", "output")
_PROMPT_ANSWER = (*_ANSWER, "completion")
_GRADE_SCHOOL = re.compile(r"####\s*(.+?)\s*$", re.DOTALL)


def final(answer: str) -> str:
    """What a worked answer comes to: what follows the last "####", or the last \\boxed{…}, or all of it."""
    marked = _GRADE_SCHOOL.search(answer[answer.rfind("####") :]) if "####" in answer else None
    if marked:
        return marked.group(1)
    at = answer.rfind("\\boxed{")
    if at < 0:
        return answer.strip()
    depth, start = 0, at + len("\\boxed{")
    for n, character in enumerate(answer[start:], start):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return answer[start:n].strip()
    return answer.strip()


def _question(row: Row) -> Built:
    asked = (*common.system(row.value), common.user(common.text(row.value, _QUESTION)))
    return _asked(row, asked, common.text(row.value, _ANSWER) if common.pick(row.value, _ANSWER) else None)


def _prompt(row: Row) -> Built:
    found = common.get(row.value, common.PROMPT)
    column = common.pick(row.value, _PROMPT_ANSWER)
    answer = common.text(row.value, _PROMPT_ANSWER) if column else None
    if chat.is_conversation(found):
        return _asked(row, chat.conversation(found), answer)
    prompt = common.text(row.value, common.PROMPT)
    return (Example(row.line, prompt=prompt, answer=None if answer is None else final(answer)),), []


def _instruction(row: Row) -> Built:
    return _asked(row, common.instruction(row.value), common.text(row.value, common.OUTPUT))


def _conversation(row: Row) -> Built:
    messages, remarks = chat.answered(common.messages(row.value))
    *before, last = messages
    examples, _ = _asked(row, tuple(before), last["content"])
    return examples, remarks


def _asked(row: Row, messages: tuple[dict[str, object], ...], answer: str | None) -> Built:
    if not messages or messages[-1]["role"] == "assistant":
        raise Unusable("no-prompt", "There is no question to ask.")
    checked = None if answer is None else final(answer)
    return (Example(row.line, messages=messages, answer=checked, tools=common.tools(row.value)),), []


def _is_conversation(value: Values) -> tuple[str, ...]:
    found = isinstance(common.get(value, common.MESSAGES), list)
    return common.needs(common.MESSAGES, extra=(common.SYSTEM, common.TOOLS))(value) if found else ()


def _of_pair(row: Row) -> Built:
    """What a pair's two answers were given to; which of them is right is not known."""
    (pair,), remarks = pairs.build(row)
    return (Example(row.line, messages=pair.messages, prompt=pair.prompt, tools=pair.tools),), remarks


_NOTHING = "There are no answers to check against."
_IS_ALPACA = common.needs(common.INSTRUCTION, common.OUTPUT, extra=(("input",), ("context",), common.SYSTEM))

SHAPES = (
    Shape(pairs.NAME, "", pairs.columns, _of_pair, f"Only the questions are asked. {_NOTHING}"),
    Shape("Alpaca", "", _IS_ALPACA, _instruction, "The output is what answers are checked against."),
    Shape(
        "Questions and answers",
        "question and answer",
        common.needs(_QUESTION, _ANSWER, extra=(common.SYSTEM,)),
        _question,
    ),
    Shape("Prompts and answers", "prompt and answer", common.needs(common.PROMPT, _PROMPT_ANSWER), _prompt),
    Shape(
        "Conversations",
        "messages",
        _is_conversation,
        _conversation,
        "They are asked up to their last answer, which is what answers are checked against.",
    ),
    Shape("Prompts", "prompt", common.needs(common.PROMPT), _prompt, _NOTHING),
    Shape("Questions", "", common.needs(_QUESTION), _question, _NOTHING),
)
