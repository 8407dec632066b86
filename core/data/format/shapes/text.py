"""Rows for supervised fine-tuning: conversations, instructions, questions with answers, plain text."""

from collections.abc import Callable

from core.data.format import conversation as chat
from core.data.format.example import Example
from core.data.format.shapes import common, pairs, unpaired
from core.data.format.shapes.common import ParseResult, Shape, Values
from core.data.read.reader import Row

_TEXT = ("text", "content", "document")


def _match_chat(speaker_key: str) -> Callable[[Values], tuple[str, ...]]:
    """Shape.columns of a list of messages that name their speaker under `speaker_key`, "role" or "from"."""

    def columns(value: Values) -> tuple[str, ...]:
        messages = common.column_value(value, common.MESSAGES)
        if not isinstance(messages, list):
            return ()
        first = messages[0] if messages else {}
        own_key = "from" if isinstance(first, dict) and "from" in first else "role"
        match = common.require_columns(common.MESSAGES, extra=(common.SYSTEM, common.TOOLS))
        return match(value) if own_key == speaker_key else ()

    return columns


def _build_chat(row: Row) -> ParseResult:
    messages, remarks = chat.trim_to_last_answer(common.read_messages(row.value))
    return (Example(row.line, messages=messages, tools=common.read_tools(row.value)),), remarks


def _build_alpaca(row: Row) -> ParseResult:
    prompt = common.instruction_messages(row.value)
    answer = common.read_text(row.value, common.OUTPUT)
    return (Example(row.line, messages=(*prompt, common.assistant_message(answer))),), []


def _build_completion(row: Row) -> ParseResult:
    prompt, completion = (
        common.column_value(row.value, common.PROMPT),
        common.column_value(row.value, common.COMPLETION),
    )
    if chat.is_conversation(prompt):
        answer = completion if chat.is_conversation(completion) else [common.assistant_message(completion)]
        # Earlier answers in the prompt are not learned: as in TRL, the completion alone is.
        context = [{**m, "weight": 0} for m in chat.parse_messages(prompt)]
        messages, remarks = chat.trim_to_last_answer((*context, *chat.parse_messages(answer)))
        return (Example(row.line, messages=messages, tools=common.read_tools(row.value)),), remarks
    prompt_text = common.read_text(row.value, common.PROMPT, required=False)
    return (Example(row.line, prompt=prompt_text, completion=common.read_text(row.value, common.COMPLETION)),), []


def _build_question(row: Row) -> ParseResult:
    question = common.read_text(row.value, common.QUESTION)
    answer = common.read_text(row.value, common.ANSWER)
    thinking = common.read_text(row.value, common.THINKING, required=False).strip()
    if thinking:
        answer = f"<think>\n{thinking}\n</think>\n\n{answer}"
    messages = (*common.system_messages(row.value), common.user_message(question), common.assistant_message(answer))
    return (Example(row.line, messages=messages),), []


def _build_text(row: Row) -> ParseResult:
    return (Example(row.line, text=common.read_text(row.value, _TEXT)),), []


def _build_chosen_of_pair(row: Row) -> ParseResult:
    """The prompt and the chosen answer of a preference pair."""
    (pair,), remarks = pairs.build_pair(row)
    if isinstance(pair.chosen, str):
        return (Example(row.line, prompt=pair.prompt, completion=pair.chosen),), remarks
    messages = (*(pair.messages or ()), *(pair.chosen or ()))
    return (Example(row.line, messages=messages, tools=pair.tools),), remarks


def _build_good_answer(row: Row) -> ParseResult:
    """The prompt and the answer of a marked row, if the mark is good; no example if it is bad."""
    (marked,), remarks = unpaired.build_marked(row)
    if not marked.label:
        return (), remarks
    example = Example(
        row.line, messages=marked.messages, prompt=marked.prompt, completion=marked.completion, tools=marked.tools
    )
    return (example,), remarks


_ALPACA = common.require_columns(
    common.INSTRUCTION, common.OUTPUT, extra=(("input",), ("context",), common.SYSTEM, ("history",))
)
_QUESTION = common.require_columns(common.QUESTION, common.ANSWER, extra=(common.THINKING, common.SYSTEM))
_PROMPT = common.require_columns(common.PROMPT, common.COMPLETION, extra=(common.TOOLS,))

SHAPES = (
    Shape(pairs.NAME, "", pairs.match_columns, _build_chosen_of_pair, "Only the better answers are learned."),
    Shape(unpaired.NAME, "", unpaired.match_columns, _build_good_answer, "Only the answers marked good are learned."),
    Shape("Chat messages", "messages", _match_chat("role"), _build_chat),
    Shape("ShareGPT", "conversations", _match_chat("from"), _build_chat),
    Shape("Alpaca", "instruction and output", _ALPACA, _build_alpaca),
    Shape("Prompt and completion", "prompt and completion", _PROMPT, _build_completion),
    Shape("Questions and answers", "question and answer", _QUESTION, _build_question),
    Shape("Plain text", "text", common.require_columns(_TEXT), _build_text),
)
