"""A chat that Telegram exports as JSON: result.json, of one chat or of all of them."""

from collections.abc import Iterator
from typing import Any

from core.data.read import chats
from core.data.read.chats import Chat, Said

_WHO = frozenset(("from", "from_id", "actor", "actor_id"))  # of these, each message has one


def lists_of_messages(value: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The messages of each chat; none where the value is something else."""
    held = value.get("chats")
    listed = held.get("list") if isinstance(held, dict) else [value] if {"type", "messages"} <= value.keys() else None
    if not isinstance(listed, list):
        return []
    found = [chat["messages"] for chat in listed if isinstance(chat, dict) and isinstance(chat.get("messages"), list)]
    messages = [message for messages in found for message in messages]
    return found if messages and all(map(_is_message, messages)) else []


def messages(listed: list[dict[str, Any]], chat: Chat) -> Iterator[Said]:
    """Every message with its text; what is left out goes to the chat."""
    for message in listed:
        text = _text(message.get("text")).strip()
        if message["type"] != "message" or not text:
            chat.left_out[chats.NO_WORDS] += 1
        elif message.get("forwarded_from"):
            chat.left_out[chats.FORWARDED] += 1
        else:
            yield Said(chat.name(person(message)[0]), text, chats.seconds(message["date"]))


def person(message: dict[str, Any]) -> tuple[str, str]:
    """(the account, the name) of who wrote a message; the name is not told of a deleted account."""
    name = str(message.get("from") or "")
    return str(message.get("from_id") or name or "?"), name


def _is_message(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and isinstance(message.get("type"), str)
        and isinstance(message.get("date"), str)
        and not _WHO.isdisjoint(message)
    )


def _text(text: Any) -> str:
    """A text, which is a list of parts where some of it is a link, bold or the like."""
    if isinstance(text, list):
        return "".join(map(_text, text))
    return _text(text.get("text")) if isinstance(text, dict) else str(text or "")
