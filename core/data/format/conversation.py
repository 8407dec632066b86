"""Conversations in the forms that datasets use, turned into messages with role and content."""

import json
import math
from collections.abc import Sequence
from typing import Any

from core.data.format import gemini
from core.data.format.example import Message, Remark, Unusable
from core.text.sentence import say

_ROLES = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "question": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "chatbot": "assistant",
    "answer": "assistant",
    "function_call": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
}
_EXTRA_FIELDS = ("tool_call_id", "name")
# Under these a message keeps what was thought before its text; templates know the first.
_THINKING_FIELDS = ("reasoning_content", "thinking", "reasoning", "chain_of_thought", "thought")
_WEIGHT_FIELDS = ("weight", "loss", "train", "loss_weight")  # whether an answer is learned
_NO_WEIGHT = ("false", "no", "off")
_PART_KEYS = ("type", "content_type", "text")  # a typed part has one of them
_TEXT_PARTS = ("text", "input_text", "output_text", "tool_result")
_CALL_PARTS = ("tool_call", "tool_use", "function_call")
_THINKING_PARTS = ("reasoning", "thinking")
_EMPTY = ("", "[]", "{}", "null", "none")  # texts that stand for no list


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of messages, in OpenAI's form ("role") or in ShareGPT's ("from")."""
    return (
        isinstance(value, (list, tuple))  # for every row: as a union it would be made anew each time
        and bool(value)
        and all(isinstance(m, dict) and ("role" in m or "from" in m) for m in value)
    )


_MESSAGES = {
    "system": say("system message"),
    "developer": say("developer message"),
    "user": say("user message"),
    "assistant": say("assistant message"),
    "tool": say("tool message"),
}

_SPEAKERS = {  # as a sentence has them behind "with"
    "system": say("the system"),
    "developer": say("the developer"),
    "user": say("the user"),
    "tool": say("the tool"),
}


def describe_message(role: str) -> str:
    """What a message of this role is called."""
    return _MESSAGES.get(role) or say("{role} message", role=role)


def is_null(value: Any) -> bool:
    """Whether a value is null, or NaN, which stands for an empty cell."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_known_role(name: str) -> bool:
    """Whether a name is that of a speaker, in one of the forms that datasets use."""
    return name.strip().lower() in _ROLES


def are_calls(value: Any) -> bool:
    """Whether a value is a list of function calls, each with a name and arguments."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(call, dict) and {"name", "arguments"} <= call.keys() for call in value)
    )


def as_messages(value: Any) -> Any:
    """A conversation that is told in another way as a list of messages; any other value as it is.

    Texts by themselves are the user's and the assistant's in turn; an object with input and output is two turns.
    """
    if not isinstance(value, list | tuple) or not value:
        return value
    first = value[0]
    if all(map(gemini.is_content, value)):
        return [gemini.as_message(content) for content in value]
    if isinstance(first, str) and len(value) > 1 and all(isinstance(text, str) for text in value):
        return [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(value)]
    if isinstance(first, dict) and "input" in first and all(map(_is_input_and_output, value)):
        sides = (("user", "input"), ("assistant", "output"))
        return [{"role": role, "content": turn[side]} for turn in value for role, side in sides]
    return value


def _is_input_and_output(turn: Any) -> bool:
    return isinstance(turn, dict) and {"input", "output"} <= turn.keys()


def parse_messages(value: Sequence[Any]) -> tuple[Message, ...]:
    """The messages of a conversation (see is_conversation) in OpenAI's form, each with "role" and "content" (a string).

    Raises Unusable with the number of the message at fault.
    """
    return tuple(_parse_message(m, n) for n, m in enumerate(value, 1))


def plain_messages(value: Any) -> tuple[Message, ...] | None:
    """The messages of a conversation that parse_messages() and trim_to_last_answer() leave as it is, without remarks:
    in OpenAI's form, ending with an answer, no answer empty, nothing but who and what. None for any other value."""
    if type(value) is not list:
        return None
    role = None
    for message in value:
        if type(message) is not dict or len(message) != 2:
            return None
        role, content = message.get("role"), message.get("content")
        if type(content) is not str or next(iter(message)) != "role":
            return None
        if role == "assistant":
            if not content or content.isspace():
                return None
        elif role != "user" and role != "system":
            return None
    return tuple(value) if role == "assistant" else None


def trim_to_last_answer(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], list[Remark]]:
    """(the conversation up to its last answer, a remark if something followed it).

    Raises Unusable when there is no answer, or the last one is empty.
    """
    last = len(messages) - 1
    while last >= 0 and messages[last]["role"] != "assistant":
        last -= 1
    if last < 0:
        raise Unusable("no-answer", say("The conversation has no answer by the assistant."))
    if not has_content(messages[last]):
        raise Unusable("empty-answer", say("The answer is empty.") if last < 2 else say("The last answer is empty."))
    remarks = []
    if any(map(_is_empty_answer, messages[:last])):
        messages = tuple({**m, "weight": 0} if _is_empty_answer(m) else m for m in messages)
        message = say("An answer in the middle of the conversation is empty.")
        remarks.append(Remark("empty-turn", "warning", message, say("It is not learned.")))
    if last + 1 == len(messages):
        return messages, remarks
    role = messages[-1]["role"]
    message = say("The conversation ends with {role}, not with an answer.", role=_SPEAKERS.get(role, role))
    remarks.append(Remark("ends-with-user", "warning", message, say("What follows the last answer is left out.")))
    return messages[: last + 1], remarks


def _is_empty_answer(message: Message) -> bool:
    return message["role"] == "assistant" and not has_content(message) and not message.get("reasoning_content")


def has_content(message: Message) -> bool:
    """Whether a message has text or calls a function."""
    return bool(message["content"].strip() or message.get("tool_calls"))


def _parse_message(value: Any, number: int) -> Message:
    if not isinstance(value, dict):
        raise Unusable("message", say("Message {number} is not an object with role and content.", number=number))
    role_name = value.get("role", value.get("from"))
    own_role = str(role_name).strip().lower()
    role = _ROLES.get(own_role)
    if role is None:
        raise Unusable(
            "role", say("Message {number} has the unknown role {role_name!r}.", number=number, role_name=role_name)
        )
    parts = value.get("content", value.get("value"))
    if len(value) == 2 and isinstance(parts, str) and own_role != "function_call":
        return {"role": role, "content": parts}  # nearly every message: nothing but who and what
    content, thinking, part_calls = _read_content(parts, number, role)
    fields = {k: value[k] for k in _EXTRA_FIELDS if value.get(k) is not None}
    thinking = thinking or next((str(value[k]) for k in _THINKING_FIELDS if str(value.get(k) or "").strip()), "")
    if thinking:
        fields["reasoning_content"] = thinking
    weight = _read_weight(value)
    if weight != 1:
        fields["weight"] = weight
    calls = [*_tool_calls(value, number), *part_calls]
    if own_role == "function_call":
        calls, content = _parse_function_call(content, number), ""
    if calls:
        fields["tool_calls"] = calls
    if content is None and not calls:
        raise Unusable("null", say("Message {number} has no content.", number=number))
    return {"role": role, "content": content or "", **fields}


def _read_weight(value: dict[str, Any]) -> float:
    """How much an answer is to count: the least of its flags, which may be numbers, true or false, or either as text;
    1 where there is none."""
    flags = [str(value[k]).strip().lower() for k in _WEIGHT_FIELDS if value.get(k) is not None]
    return min(map(_flag_weight, flags), default=1)


def _flag_weight(flag: str) -> float:
    if flag in _NO_WEIGHT:
        return 0
    try:
        weight = float(flag)
    except ValueError:
        return 1
    return weight if math.isfinite(weight) else 1


def _read_content(content: Any, number: int, role: str) -> tuple[str | None, str, list[dict[str, Any]]]:
    """(text, thinking, function calls) of a message's content: a string, OpenAI's typed parts, or an object."""
    if is_null(content):
        return None, "", []
    if isinstance(content, str):
        return content, "", []
    if isinstance(content, list) and content and all(map(_is_part, content)):
        return _read_parts(content, number)
    if isinstance(content, dict | list):  # what a function gave back, or an answer in JSON
        if role not in ("assistant", "tool"):
            raise Unusable("type", say("Message {number} has content that is not text.", number=number))
        return json.dumps(content, ensure_ascii=False, default=str), "", []
    return str(content).lower() if isinstance(content, bool) else str(content), "", []


def _is_part(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, dict) and any(key in value for key in _PART_KEYS))


def _kind(part: dict[str, Any]) -> str:
    return str(part.get("type", part.get("content_type", "text")))


def _read_parts(parts: list[Any], number: int) -> tuple[str, str, list[dict[str, Any]]]:
    """(text, thinking, function calls) of typed parts. Raises Unusable for one that is a picture, sound or the like."""
    texts, thinking, calls = [], [], []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = _kind(part)
        inner = next((part[k] for k in ("text", "value", "content", kind) if part.get(k) is not None), None)
        if kind in _CALL_PARTS:
            calls.append(_parse_call(part.get("tool_call", part), number))
        elif kind in _THINKING_PARTS and isinstance(inner, str):
            thinking.append(inner)
        elif kind in _TEXT_PARTS and inner is not None:
            texts.append(inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False, default=str))
        else:
            raise Unusable(
                "not-text",
                say(
                    "Message {number} holds something other than text ({kind}), which cannot be learned yet; with "
                    "exclude=not-text its text alone is learned.",
                    number=number,
                    kind=kind,
                ),
            )
    return "".join(texts), "\n".join(thinking), calls


def without_other_parts(value: Any) -> Any:
    """The value with the typed parts that are no text taken out of every list of parts in it that holds a text too."""
    if gemini.is_content(value):
        return gemini.without_other_parts(value)
    if isinstance(value, dict):
        return {k: without_other_parts(v) for k, v in value.items()}
    if not isinstance(value, list):
        return value
    if value and all(map(_is_part, value)):
        kept = [part for part in value if not _is_other_part(part)]
        if any(isinstance(part, str) or _kind(part) in _TEXT_PARTS for part in kept):
            return kept
    return [without_other_parts(v) for v in value]


def _is_other_part(part: Any) -> bool:
    return isinstance(part, dict) and _kind(part) not in (*_TEXT_PARTS, *_CALL_PARTS, *_THINKING_PARTS)


def _tool_calls(value: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """A message's function calls in OpenAI's form, with arguments as an object, which is what most templates want."""
    calls = value.get("tool_calls") or ([value["function_call"]] if value.get("function_call") else [])
    if isinstance(calls, str):
        calls = [] if calls.strip().lower() in _EMPTY else _parse_function_call(calls, number)
    if not isinstance(calls, list):
        raise Unusable("tool-call", say("Message {number} has tool_calls that are not a list.", number=number))
    return [_parse_call(call, number) for call in calls]


def _parse_function_call(content: str | None, number: int) -> list[dict[str, Any]]:
    """The calls that a ShareGPT message of the role function_call holds as JSON."""
    try:
        calls = json.loads(content or "")
    except (ValueError, RecursionError):
        raise Unusable(
            "tool-call", say("Message {number} holds a function call that is not valid JSON.", number=number)
        ) from None
    return [_parse_call(call, number) for call in (calls if isinstance(calls, list) else [calls])]


def _parse_call(value: Any, number: int) -> dict[str, Any]:
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Unusable("tool-call", say("Message {number} calls a function without a name.", number=number))
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            message = say(
                "Message {number} calls {name} with arguments that are not valid JSON.",
                number=number,
                name=function["name"],
            )
            raise Unusable("tool-call", message) from None
    call_id = {"id": value["id"]} if isinstance(value.get("id"), str) else {}
    return {**call_id, "type": "function", "function": {"name": function["name"], "arguments": arguments}}
