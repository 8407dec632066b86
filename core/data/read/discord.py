"""A channel of Discord's that DiscordChatExporter saves as JSON."""

from collections.abc import Iterator
from typing import Any

from core.data.read import chats
from core.data.read.chats import Chat, Said

_BY_PERSON = ("Default", "Reply", "ThreadStarterMessage")  # types of messages that are no notices


def lists_of_messages(value: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The messages of the channel, as the only list; none where the value is something else."""
    listed = value.get("messages")
    if not isinstance(value.get("channel"), dict) or not isinstance(listed, list):
        return []
    return [listed] if listed and all(map(_is_message, listed)) else []


def messages(listed: list[dict[str, Any]], chat: Chat) -> Iterator[Said]:
    """Every message with its text; what is left out goes to the chat."""
    for message in listed:
        text = str(message.get("content") or "").strip()
        if message["type"] not in _BY_PERSON or not text:
            chat.left_out[chats.NO_WORDS] += 1
        else:
            yield Said(chat.name(person(message)[0]), text, chats.seconds(message["timestamp"]))


def person(message: dict[str, Any]) -> tuple[str, str]:
    """(the account, the name) of who wrote a message. Old accounts have a number behind their name."""
    author = message["author"]
    account, number = str(author.get("name") or author.get("id") or "?"), str(author.get("discriminator") or "")
    name = str(author.get("nickname") or account)
    return f"{account}#{number}" if number.strip("0") else account, name


def _is_message(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and isinstance(message.get("author"), dict)
        and isinstance(message.get("timestamp"), str)
        and isinstance(message.get("type"), str)
    )
