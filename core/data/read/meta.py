"""A chat that Instagram or Facebook's Messenger exports as JSON: message_1.json, or a file for each encrypted chat.

Their letters beyond ASCII are written wrongly, as if the bytes of UTF-8 were characters, and are put right.
"""

from collections.abc import Iterator
from typing import Any

from core.data.read import chats
from core.data.read.chats import Chat, Said

_NAMES, _TEXTS, _TIMES = ("sender_name", "senderName"), ("content", "text"), ("timestamp_ms", "timestamp")


def lists_of_messages(value: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The messages of the chat, as the only list; none where the value is something else."""
    listed = value.get("messages")
    if "participants" not in value or not isinstance(listed, list):
        return []
    is_chat = all(isinstance(m, dict) and _first(m, _NAMES) and isinstance(_first(m, _TIMES), int) for m in listed)
    return [listed] if listed and is_chat else []


def messages(listed: list[dict[str, Any]], chat: Chat) -> Iterator[Said]:
    """Every message with its text, the oldest first; what is left out goes to the chat."""
    for message in sorted(listed, key=lambda message: int(_first(message, _TIMES))):
        text = _letters(_first(message, _TEXTS)).strip()
        if message.get("is_unsent") or message.get("isUnsent"):
            chat.left_out[chats.DELETED] += 1
        elif not text or message.get("share") or message.get("type", "text") not in ("text", "Generic"):
            chat.left_out[chats.NO_WORDS] += 1
        else:
            yield Said(chat.name(person(message)[0]), text, _first(message, _TIMES) / 1000)


def person(message: dict[str, Any]) -> tuple[str, str]:
    """(the account, the name) of who wrote a message. The file tells names alone."""
    name = _letters(_first(message, _NAMES))
    return name, name


def _first(message: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((message[key] for key in keys if key in message), None)


def _letters(content: Any) -> str:
    text = str(content or "")
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
