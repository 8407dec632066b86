"""Rows to learn answers from: conversations, instructions, questions with answers, plain text."""

from collections.abc import Callable

from core.data.format import conversation as chat
from core.data.format.example import Example
from core.data.format.shapes import common, pairs, unpaired
from core.data.format.shapes.common import Built, Shape, Values
from core.data.read.reader import Row

_TEXT = ("text", "content", "document")


def _is_chat(form: str) -> Callable[[Values], tuple[str, ...]]:
    """A list of messages that name their speaker by `form`, "role" or "from"."""

    def columns(value: Values) -> tuple[str, ...]:
        found = common.get(value, common.MESSAGES)
        if not isinstance(found, list):
            return ()
        first = found[0] if found else {}
        own = "from" if isinstance(first, dict) and "from" in first else "role"
        more = common.needs(common.MESSAGES, extra=(common.SYSTEM, common.TOOLS))
        return more(value) if own == form else ()

    return columns


def _chat(row: Row) -> Built:
    messages, remarks = chat.answered(common.messages(row.value))
    return (Example(row.line, messages=messages, tools=common.tools(row.value)),), remarks


def _alpaca(row: Row) -> Built:
    asked = common.instruction(row.value)
    answer = common.text(row.value, common.OUTPUT)
    return (Example(row.line, messages=(*asked, common.assistant(answer))),), []


def _completion(row: Row) -> Built:
    prompt, completion = common.get(row.value, common.PROMPT), common.get(row.value, common.COMPLETION)
    if chat.is_conversation(prompt):
        after = completion if chat.is_conversation(completion) else [common.assistant(completion)]
        # What the prompt quotes of earlier answers is not learned: as TRL, the completion alone is.
        context = [{**m, "weight": 0} for m in chat.conversation(prompt)]
        messages, remarks = chat.answered((*context, *chat.conversation(after)))
        return (Example(row.line, messages=messages, tools=common.tools(row.value)),), remarks
    asked = common.text(row.value, common.PROMPT, needed=False)
    return (Example(row.line, prompt=asked, completion=common.text(row.value, common.COMPLETION)),), []


def _question(row: Row) -> Built:
    asked = common.text(row.value, common.QUESTION)
    answer = common.text(row.value, common.ANSWER)
    thought = common.text(row.value, common.THINKING, needed=False).strip()
    if thought:
        answer = f"<think>\n{thought}\n</think>\n\n{answer}"
    messages = (*common.system(row.value), common.user(asked), common.assistant(answer))
    return (Example(row.line, messages=messages),), []


def _text(row: Row) -> Built:
    return (Example(row.line, text=common.text(row.value, _TEXT)),), []


def _better(row: Row) -> Built:
    """A pair's better answer."""
    (pair,), remarks = pairs.build(row)
    if isinstance(pair.chosen, str):
        return (Example(row.line, prompt=pair.prompt, completion=pair.chosen),), remarks
    messages = (*(pair.messages or ()), *(pair.chosen or ()))
    return (Example(row.line, messages=messages, tools=pair.tools),), remarks


def _good(row: Row) -> Built:
    """The answer of a row with a mark, if the mark is good."""
    (marked,), remarks = unpaired.build(row)
    if not marked.label:
        return (), remarks
    example = Example(
        row.line, messages=marked.messages, prompt=marked.prompt, completion=marked.completion, tools=marked.tools
    )
    return (example,), remarks


_ALPACA = common.needs(common.INSTRUCTION, common.OUTPUT, extra=(("input",), ("context",), common.SYSTEM, ("history",)))
_QUESTION = common.needs(common.QUESTION, common.ANSWER, extra=(common.THINKING, common.SYSTEM))
_PROMPT = common.needs(common.PROMPT, common.COMPLETION, extra=(common.TOOLS,))

SHAPES = (
    Shape(pairs.NAME, "", pairs.columns, _better, "Only the better answers are learned."),
    Shape(unpaired.NAME, "", unpaired.columns, _good, "Only the answers marked good are learned."),
    Shape("Chat messages", "messages", _is_chat("role"), _chat),
    Shape("ShareGPT", "conversations", _is_chat("from"), _chat),
    Shape("Alpaca", "instruction and output", _ALPACA, _alpaca),
    Shape("Prompt and completion", "prompt and completion", _PROMPT, _completion),
    Shape("Questions and answers", "question and answer", _QUESTION, _question),
    Shape("Plain text", "text", common.needs(_TEXT), _text),
)
