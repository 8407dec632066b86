"""Which parts of a conversation a chat template writes out, and which it drops.

Templates drop much without a word: a system message, messages of a role that they do not know, thinking, the functions
that are offered, calls and their results. What is dropped cannot be learned or learned from, so it is told.

What follows from the form of a conversation is found by asking the template: a conversation of the same form, each part
of which is a word of its own, is rendered, and a part whose word does not come out is dropped. Forms repeat from row to
row, so each is asked once. What follows from a text itself is found by looking for it in what was rendered.
"""

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Message
from core.data.format.roles import describe_message
from core.data.tokenize.render import TemplateRefused, Tools, render_with_fallbacks
from core.text.sentence import say

THINKING = ("reasoning_content", "thinking")  # keys of a message that hold what was thought before its text
OFFERED, CALL = say("offered functions"), say("function calls")
RESULT, THOUGHT = say("function results"), say("thinking")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a conversation that says something."""

    kind: str  # OFFERED, CALL, RESULT, THOUGHT, or "system message", "user message" and so on
    message: int | None  # number of its message, from 0; None for the functions that are offered
    text: str  # of a call or an offered function, its name


def list_parts(messages: Sequence[Message], tools: Tools) -> Iterator[Part]:
    """Every part that is not empty, in the order of the conversation."""
    for tool in tools:
        yield Part(OFFERED, None, str(tool.get("function", tool).get("name", "")))
    for number, message in enumerate(messages):
        for key in THINKING:
            if str(message.get(key) or "").strip():
                yield Part(THOUGHT, number, str(message[key]))
        if message["content"].strip():
            yield Part(_text_kind(message["role"]), number, message["content"])
        for call in message.get("tool_calls") or ():
            yield Part(CALL, number, str(call.get("function", call).get("name", "")))


def describe_dropped(dropped: Iterable[Part], writer: str = say("The chat template")) -> list[str]:
    """A sentence for each kind of part that `writer` leaves out."""
    kinds = dict.fromkeys(part.kind for part in dropped)
    return [
        say("{writer} does not write the {kind}: the model never sees that part.", writer=writer, kind=kind)
        for kind in kinds
    ]


def find_dropped_plain(messages: Sequence[Message], tools: Tools) -> tuple[Part, ...]:
    """The parts of a conversation that are left out where there is no chat template: only its texts are joined."""
    return tuple(part for part in list_parts(messages, tools) if part.kind in (OFFERED, CALL, THOUGHT))


def writes_developer(messages: Sequence[Message], tools: Tools, tokenizer: Any) -> bool:
    """Whether the template writes the messages of a developer in a conversation of this form."""
    written = _written(tokenizer, str(tokenizer.chat_template), _form(messages, tools))
    wanted = {(describe_message("developer"), n) for n, m in enumerate(messages) if m["role"] == "developer"}
    return written is None or wanted <= written


def find_dropped(messages: Sequence[Message], tools: Tools, text: str, tokenizer: Any) -> tuple[Part, ...]:
    """The parts of a conversation that do not stand in `text`, which the tokenizer's chat template made of it.

    Thinking of earlier turns does not count where the template writes that of the last turn: leaving it out is how
    such a model is asked.
    """
    template = str(tokenizer.chat_template)
    written = _written(tokenizer, template, _form(messages, tools))
    last_question = max((n for n, m in enumerate(messages) if m["role"] == "user"), default=-1)
    dropped = []
    for part in list_parts(messages, tools):
        is_earlier_thought = part.kind == THOUGHT and part.message is not None and part.message < last_question
        if is_earlier_thought and _writes_thinking(tokenizer, template):
            continue
        is_written = written is None or (part.kind, part.message) in written
        has_own_text = part.kind not in (OFFERED, CALL)
        if not is_written or (has_own_text and not _stands_in(part.text, text)):
            dropped.append(part)
    return tuple(dropped)


# (whether functions are offered; of each message its role, whether it has text, its kinds of thinking, how many calls)
Form = tuple[bool, tuple[tuple[str, bool, tuple[str, ...], int, bool], ...]]


def _form(messages: Sequence[Message], tools: Tools) -> Form:
    """What a conversation looks like, its texts aside."""
    return bool(tools), tuple(
        (
            m["role"],
            bool(m["content"].strip()),
            tuple(key for key in THINKING if str(m.get(key) or "").strip()),
            len(m.get("tool_calls") or ()),
            "name" in m,
        )
        for m in messages
    )


@functools.lru_cache(maxsize=1024)
def _written(tokenizer: Any, template: str, form: Form) -> frozenset[tuple[str, int | None]] | None:
    """(kind, message) of each part that the template writes of a conversation of this form; None where it refuses it.

    `template` is the tokenizer's and only tells the cache when it changes.
    """
    words: dict[str, tuple[str, int | None]] = {}

    def word(kind: str, message: int | None) -> str:
        name = f"zq{len(words)}zq"
        words[name] = kind, message
        return name

    has_tools, shapes = form
    schema = {"type": "object", "properties": {"value": {"type": "string"}}}
    function = {"name": word(OFFERED, None), "description": "What it does", "parameters": schema} if has_tools else None
    messages: list[Message] = []
    for number, (role, has_text, thinking, calls, has_name) in enumerate(shapes):
        message: Message = {"role": role, "content": word(_text_kind(role), number) if has_text else ""}
        message |= {key: word(THOUGHT, number) for key in thinking}
        if calls:
            named = [{"name": word(CALL, number), "arguments": {"value": "1"}} for _ in range(calls)]
            message["tool_calls"] = [{"id": "call00000", "type": "function", "function": f} for f in named]
        if has_name:
            message["name"] = "name"
        if role == "tool":
            message["tool_call_id"] = "call00000"
        messages.append(message)
    tools: Tools = ({"type": "function", "function": function},) if function else ()
    try:
        text = render_with_fallbacks(tuple(messages), tools, tokenizer, shapes[-1][0] != "assistant").text
    except TemplateRefused:
        return None
    missing = {place for name, place in words.items() if name not in text}
    return frozenset(set(words.values()) - missing)


@functools.lru_cache(maxsize=16)
def _writes_thinking(tokenizer: Any, template: str) -> bool:
    """Whether the template writes the thinking of a last turn."""
    form: Form = (False, (("user", True, (), 0, False), ("assistant", True, THINKING[:1], 0, False)))
    written = _written(tokenizer, template, form)
    return written is not None and (THOUGHT, 1) in written


def _text_kind(role: str) -> str:
    return RESULT if role == "tool" else describe_message(role)


def _stands_in(part: str, text: str) -> bool:
    """Whether a text was written out: as it is, trimmed, as JSON, or without the thinking that it begins with."""
    wanted = part.strip()
    if wanted in text:
        return True
    answer = wanted.rpartition("</think>")[2].strip()
    if answer and answer in text:
        return True
    return any(json.dumps(wanted, ensure_ascii=ascii)[1:-1] in text for ascii in (False, True))
