"""Rows for supervised fine-tuning: conversations, instructions, questions with answers, plain text."""

import functools
from collections.abc import Callable

from core.data.format import column_names as names_of
from core.data.format import conversation as chat
from core.data.format.example import Example, Unusable
from core.data.format.function_calls import are_calls
from core.data.format.roles import is_known_role
from core.data.format.shapes import choices, common, exported, pairs, prompts, unpaired
from core.data.format.shapes.common import ParseResult, Shape, Values
from core.data.read.reader import Row
from core.text.sentence import say

_CONTENT = ("content",)  # an answer where what was thought before it stands beside
_STEPS = (("prompt", "question", "problem"), ("completions", "steps"), ("labels",))


def _match_chat(speaker_key: str) -> Callable[[Values], tuple[str, ...]]:
    """Shape.columns of a list of messages that name their speaker under `speaker_key`, "role" or "from"."""
    match = common.require_columns(names_of.MESSAGES, extra=(names_of.SYSTEM, names_of.TOOLS))

    def columns(value: Values) -> tuple[str, ...]:
        messages = common.column_value(value, names_of.MESSAGES)
        messages = chat.as_messages(messages) if isinstance(messages, dict) else messages
        if not isinstance(messages, list):
            return ()
        first = messages[0] if messages else {}
        own_key = "from" if isinstance(first, dict) and "from" in first else "role"
        return match(value) if own_key == speaker_key else ()

    return columns


def _build_chat(row: Row) -> ParseResult:
    plain = chat.plain_messages(row.value.get("messages")) if len(row.value) == 1 else None  # most rows
    if plain is not None:
        return (Example(row.line, messages=plain),), []
    messages, remarks = chat.trim_to_last_answer(common.read_messages(row.value))
    return (Example(row.line, messages=messages, tools=common.read_tools(row.value)),), remarks


def _build_answered(prompt_names: tuple[str, ...], answer_names: tuple[str, ...]) -> Callable[[Row], ParseResult]:
    """Shape.build of rows with a prompt and its answer. Only the answer is learned, as in TRL."""

    def build(row: Row) -> ParseResult:
        row = prompts.open_input(row)
        prompt = prompts.read_prompt(row.value, prompt_names)
        answer = chat.as_answer(common.structure_value(row.value, answer_names))
        tools = common.read_tools(row.value)
        if chat.is_conversation(answer):
            answers = chat.parse_messages(answer)
        elif tools and are_calls(answer):
            answers = chat.parse_messages([{"role": "assistant", "content": None, "tool_calls": answer}])
        else:
            text = common.read_answer(row.value, answer_names)
            if isinstance(prompt, str):
                return (Example(row.line, prompt=prompt, completion=text),), []
            answers = (common.assistant_message(text),)
        context = [{**m, "weight": 0} if m["role"] == "assistant" else m for m in prompts.as_messages(prompt)]
        messages, remarks = chat.trim_to_last_answer((*context, *answers))
        return (Example(row.line, messages=messages, tools=tools),), remarks

    return build


def _build_choice(first: int, row: Row) -> ParseResult:
    prompt, listed = choices.read_question(row.value, first)
    messages = (*prompt, common.assistant_message(listed.answer))
    return (Example(row.line, messages=messages, tools=common.read_tools(row.value)),), []


def _build_text(row: Row) -> ParseResult:
    return (Example(row.line, text=common.read_text(row.value, names_of.TEXT)),), []


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


_match_step_columns = common.require_columns(*_STEPS)


def _match_steps(value: Values) -> tuple[str, ...]:
    """Shape.columns of stepwise supervision: a list of steps and a list of marks."""
    columns = _match_step_columns(value)
    return columns if columns and all(isinstance(value[c], list) for c in columns[1:]) else ()


def _refuse_steps(row: Row) -> ParseResult:
    raise Unusable(
        "steps", say("The row marks single steps of an answer as right or wrong, for which there is no method here.")
    )


_SPEAKERS = ("role", "from", "author", "sender", "speaker", "is_user", "iscreatedbyuser")
_SAID = ("content", "value", "text", "message", "mes")


def _match_single_message(value: Values) -> tuple[str, ...]:
    """Shape.columns of a row that is one message of a conversation."""
    speaker, text = common.find_column(value, _SPEAKERS), common.find_column(value, _SAID)
    if not speaker or not text:
        return ()
    who = value[speaker]
    is_known = isinstance(who, bool) or (isinstance(who, str) and is_known_role(who))
    return (speaker, text) if is_known else ()


def _refuse_single_message(row: Row) -> ParseResult:
    message = say("The row is a single message of a conversation, without those before it.")
    raise Unusable(
        "single-message", message, say("Put the messages of each conversation into one list named messages.")
    )


def _build_summary(row: Row) -> ParseResult:
    text, summary = (common.read_text(row.value, names) for names in (names_of.SUMMARIZED, names_of.SUMMARY))
    return (Example(row.line, messages=(common.user_message(text), common.assistant_message(summary))),), []


def _answered(prompt: tuple[str, ...], answer: tuple[str, ...]) -> Callable[[Values], tuple[str, ...]]:
    return common.require_columns(prompt, answer, extra=(names_of.THINKING, *prompts.BESIDE))


def _shape(name: str, expected: str, prompt: tuple[str, ...], answer: tuple[str, ...]) -> Shape:
    return Shape(name, expected, _answered(prompt, answer), _build_answered(prompt, answer))


MARKED = Shape(
    unpaired.NAME, "", unpaired.match_columns, _build_good_answer, say("Only the answers marked good are learned.")
)
CHOICES = Shape(choices.NAME, "", choices.match_columns, functools.partial(_build_choice, 0))
SHAPES = (
    Shape(pairs.NAME, "", pairs.match_columns, _build_chosen_of_pair, say("Only the better answers are learned.")),
    Shape("Steps", "", _match_steps, _refuse_steps),
    MARKED,
    exported.SHAPE,
    Shape(say("Chat messages"), "messages", _match_chat("role"), _build_chat),
    Shape("ShareGPT", "conversations", _match_chat("from"), _build_chat),
    CHOICES,
    _shape("Alpaca", say("instruction and output"), names_of.INSTRUCTION, names_of.OUTPUT),
    _shape(say("Prompt and completion"), say("prompt and completion"), names_of.PROMPT, names_of.COMPLETION),
    _shape(say("Questions and answers"), say("question and answer"), names_of.QUESTION, names_of.ANSWER),
    Shape(
        say("Questions and answers"),
        "",
        common.require_columns(names_of.QUESTION, _CONTENT, names_of.THINKING, extra=prompts.BESIDE),
        _build_answered(names_of.QUESTION, _CONTENT),
    ),
    Shape(
        say("Texts and summaries"),
        "",
        common.require_columns(names_of.SUMMARIZED, names_of.SUMMARY),
        _build_summary,
        say("The text is asked as it stands, without an instruction."),
    ),
    Shape(say("Single messages"), "", _match_single_message, _refuse_single_message),
    Shape(say("Plain text"), "text", common.require_columns(names_of.TEXT), _build_text),
)
