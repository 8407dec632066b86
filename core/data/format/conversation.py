"""Conversations in the forms that datasets use, turned into messages with role and content."""

import json
from collections.abc import Sequence
from typing import Any

from core.data.format.example import Message, Remark, Unusable

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
_EXTRA_FIELDS = ("tool_call_id", "name", "reasoning_content", "thinking", "weight")


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of messages, in OpenAI's form ("role") or in ShareGPT's ("from")."""
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(m, dict) and ("role" in m or "from" in m) for m in value)
    )


def parse_messages(value: Sequence[Any]) -> tuple[Message, ...]:
    """The messages of a conversation (see is_conversation) in OpenAI's form, each with "role" and "content" (a string).

    Raises Unusable with the number of the message at fault.
    """
    return tuple(_parse_message(m, n) for n, m in enumerate(value, 1))


def trim_to_last_answer(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], list[Remark]]:
    """(the conversation up to its last answer, a remark if something followed it).

    Raises Unusable when there is no answer, or the last one is empty.
    """
    last = max((n for n, m in enumerate(messages) if m["role"] == "assistant"), default=None)
    if last is None:
        raise Unusable("no-answer", "The conversation has no answer by the assistant.")
    if not has_content(messages[last]):
        raise Unusable("empty-answer", "The answer is empty." if last < 2 else "The last answer is empty.")
    if last + 1 == len(messages):
        return messages, []
    message = f"The conversation ends with the {messages[-1]['role']}, not with an answer."
    return messages[: last + 1], [
        Remark("ends-with-user", "warning", message, "What follows the last answer is left out.")
    ]


def has_content(message: Message) -> bool:
    """Whether a message has text or calls a function."""
    return bool(message["content"].strip() or message.get("tool_calls"))


def _parse_message(value: Any, number: int) -> Message:
    if not isinstance(value, dict):
        raise Unusable("message", f"Message {number} is not an object with role and content.")
    role_name = value.get("role", value.get("from"))
    own_role = str(role_name).strip().lower()
    role = _ROLES.get(own_role)
    if role is None:
        raise Unusable("role", f"Message {number} has the unknown role {role_name!r}.")
    content = _content_text(value.get("content", value.get("value")), number)
    if len(value) == 2 and content is not None and own_role != "function_call":
        return {"role": role, "content": content}  # nearly every message: nothing but who and what
    fields = {k: value[k] for k in _EXTRA_FIELDS if value.get(k) is not None}
    calls = _tool_calls(value, number)
    if own_role == "function_call":
        calls, content = _parse_function_call(content, number), ""
    if calls:
        fields["tool_calls"] = calls
    if content is None and not calls:
        raise Unusable("null", f"Message {number} has no content.")
    return {"role": role, "content": content or "", **fields}


def _content_text(content: Any, number: int) -> str | None:
    """A message's text, from a string or from OpenAI's typed parts."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(p, str | dict) for p in content):
        parts = [p if isinstance(p, str) else p.get("text") for p in content]
        if all(isinstance(p, str) for p in parts):
            return "".join(str(p) for p in parts)
        raise Unusable("not-text", f"Message {number} holds something other than text, which cannot be learned yet.")
    if isinstance(content, int | float) and not isinstance(content, bool):
        return str(content)
    raise Unusable("type", f"Message {number} has content that is not text.")


def _tool_calls(value: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """A message's function calls in OpenAI's form, with arguments as an object, which is what most templates want."""
    calls = value.get("tool_calls") or ([value["function_call"]] if value.get("function_call") else [])
    if not isinstance(calls, list):
        raise Unusable("tool-call", f"Message {number} has tool_calls that are not a list.")
    return [_parse_call(call, number) for call in calls]


def _parse_function_call(content: str | None, number: int) -> list[dict[str, Any]]:
    """The calls that a ShareGPT message of the role function_call holds as JSON."""
    try:
        calls = json.loads(content or "")
    except (ValueError, RecursionError):
        raise Unusable("tool-call", f"Message {number} holds a function call that is not valid JSON.") from None
    return [_parse_call(call, number) for call in (calls if isinstance(calls, list) else [calls])]


def _parse_call(value: Any, number: int) -> dict[str, Any]:
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Unusable("tool-call", f"Message {number} calls a function without a name.")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            message = f"Message {number} calls {function['name']} with arguments that are not valid JSON."
            raise Unusable("tool-call", message) from None
    call_id = {"id": value["id"]} if isinstance(value.get("id"), str) else {}
    return {**call_id, "type": "function", "function": {"name": function["name"], "arguments": arguments}}
