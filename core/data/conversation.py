"""Conversations in the forms people keep them in, turned into a list of messages with role and content."""

from collections.abc import Sequence
from typing import Any

from core.data.example import Message, Remark, Unusable

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
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
}
_KEPT = ("tool_calls", "tool_call_id", "name", "reasoning_content", "thinking", "weight")


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of messages, in OpenAI's or in ShareGPT's form."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and ("role" in m or "from" in m) for m in value)
    )


def conversation(value: Sequence[Any], system: Any = None) -> tuple[Message, ...]:
    """Messages with "role" and "content" (a string). Raises Unusable with the number of the message at fault."""
    made = [_message(m, n) for n, m in enumerate(value, 1)]
    if isinstance(system, str) and system.strip() and made[0]["role"] != "system":
        made.insert(0, {"role": "system", "content": system})
    return tuple(made)


def answered(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], list[Remark]]:
    """The conversation up to its last answer. Raises Unusable when there is nothing to learn in it."""
    last = max((n for n, m in enumerate(messages) if m["role"] == "assistant"), default=None)
    if last is None:
        raise Unusable("no-answer", "The conversation has no answer by the assistant.")
    if not any(says(m) for m in messages if m["role"] == "assistant"):
        raise Unusable("empty-answer", "The answer is empty.")
    remarks = []
    if last + 1 < len(messages):
        message = f"The conversation ends with the {messages[-1]['role']}, not with an answer."
        remarks.append(Remark("ends-with-user", "warning", message, "What follows the last answer is left out."))
    elif not says(messages[last]):
        raise Unusable("empty-answer", "The last answer is empty.")
    return messages[: last + 1], remarks


def says(message: Message) -> bool:
    """Whether a message has text or calls a function."""
    return bool(str(message.get("content") or "").strip() or message.get("tool_calls"))


def _message(value: Any, number: int) -> Message:
    if not isinstance(value, dict):
        raise Unusable("message", f"Message {number} is not an object with role and content.")
    role = _ROLES.get(str(value.get("role", value.get("from"))).strip().lower())
    if role is None:
        raise Unusable("role", f"Message {number} has the unknown role {value.get('role', value.get('from'))!r}.")
    content = _text(value.get("content", value.get("value")), number)
    kept = {k: value[k] for k in _KEPT if value.get(k) is not None}
    if content is None and "tool_calls" not in kept:
        raise Unusable("null", f"Message {number} has no content.")
    return {"role": role, "content": content or "", **kept}


def _text(content: Any, number: int) -> str | None:
    """A message's text, from a string or from OpenAI's typed parts."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(p, str | dict) for p in content):
        parts = [p if isinstance(p, str) else p.get("text") for p in content]
        if all(isinstance(p, str) for p in parts):
            return "".join(str(p) for p in parts)
        raise Unusable("not-text", f"Message {number} holds something other than text, which cannot be learned yet.")
    if isinstance(content, int | float):
        return str(content)
    raise Unusable("type", f"Message {number} has content that is not text.")
