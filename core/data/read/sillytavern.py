"""A chat of SillyTavern's: JSON Lines, of which the first says who talks, and each other one is a message. The
character is the assistant."""

import math
from collections.abc import Iterator

from core.data.read import chats, json_text
from core.data.read.chats import Chat, Said
from core.data.read.source import Piece, Problem, Source


def is_chat(head: str) -> bool:
    """Whether a text that begins with `head` is such a chat."""
    first = head.lstrip().partition("\n")[0]
    return first.startswith("{") and '"user_name"' in first and '"character_name"' in first


def read_chat(data_file: Source) -> Iterator[Piece]:
    """(line, {"messages": […]}) of each part of the chat, and at the end what is told of it."""
    yield from chats.read_conversations(data_file, _messages)


def _messages(data_file: Source, chat: Chat, problems: list[Problem]) -> Iterator[Said]:
    for piece in json_text.read_json_lines(data_file):
        if isinstance(piece, Problem):
            problems.append(piece)
            continue
        line, message = piece
        if not isinstance(message, dict) or "mes" not in message:
            continue  # the line that says who talks
        text = str(message["mes"] or "").strip()
        if message.get("is_system") or not text:
            chat.left_out[chats.NO_WORDS] += 1
        else:
            speaker = "user" if message.get("is_user") else "assistant"
            yield Said(speaker, text, math.nan, (data_file.row_start[0], line))
