"""Conversations between people with names, one of whom is learned as the assistant; the others are the user."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.data.format import column_names as names_of
from core.data.format import conversation as chat
from core.data.format.example import Unusable
from core.data.format.roles import own_name, role_of, speaker_of
from core.data.format.shapes.common import find_column, structure_value
from core.data.format.speakers import text_of
from core.text.sentence import join_and, say

_KEPT_ROLES = ("system", "developer", "tool")


class _Turn(NamedTuple):
    role: str
    name: str
    message: dict[str, Any]


def speaker_names(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of those who speak in a row's conversation and have no role, in their order."""
    names = (_name(message) for message in _messages(row))
    return tuple(dict.fromkeys(name for name in names if name and role_of(name) is None))


def with_assistant(row: dict[str, Any], assistants: Sequence[str]) -> tuple[dict[str, Any], int]:
    """(the row with messages by the assistant, who has one of these names, and by the user; how many are left out).

    What one says before another speaks is one message. Where several others speak, a name stands before what each says.
    What the assistant says before anybody else, and what others say behind its last answer, is left out. Raises
    Unusable where there is no answer.
    """
    messages = _messages(row)
    if not messages:
        message = say("{name} is to be the assistant, but the row has no list of messages.", name=assistants[0])
        raise Unusable("column", message)
    for number, spoken in enumerate(messages, 1):
        if not _name(spoken):
            raise Unusable("role", say("Message {number} does not say who speaks.", number=number))
    own_names = frozenset(map(own_name, assistants))
    turns = [_Turn(_role(name, own_names), name, message) for message in messages for name in (_name(message),)]
    roles = [turn.role for turn in turns]
    first = roles.index("user") if "user" in roles else len(roles)
    end = len(roles) - roles[::-1].index("assistant") if "assistant" in roles else 0
    if end <= first:
        names = join_and(list(dict.fromkeys(turn.name for turn in turns)))
        message = say(
            "{name} answers nobody in this conversation, with messages by {names}.", name=assistants[0], names=names
        )
        raise Unusable("no-answer", message)
    kept = [turn for turn in turns[:first] if turn.role in _KEPT_ROLES] + turns[first:end]
    return {**row, find_column(row, names_of.MESSAGES): _join(kept)}, len(turns) - len(kept)


def _messages(row: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    messages = chat.as_messages(structure_value(row, names_of.MESSAGES))
    return messages if chat.is_conversation(messages) else ()


def _name(message: Mapping[str, Any]) -> str:
    """Who says a message; "" where it does not tell."""
    name = speaker_of(message)
    return "" if name is None else str(name)


def _role(name: str, assistants: frozenset[str]) -> str:
    if own_name(name) in assistants:
        return "assistant"
    role = role_of(name)
    return role if role in _KEPT_ROLES else "user"


def _join(turns: Sequence[_Turn]) -> list[dict[str, Any]]:
    """The messages of turns, those of one role that follow each other as one."""
    has_others = len({own_name(turn.name) for turn in turns if turn.role == "user"}) > 1
    joined: list[dict[str, Any]] = []
    before = ""  # who spoke last
    for role, name, message in turns:
        text = text_of(message)
        if role in _KEPT_ROLES or not isinstance(text, str):
            joined.append({**message, "role": role})
        else:
            text = f"{name}: {text}" if has_others and role == "user" and name != before else text
            last = joined[-1] if joined else {}
            if last.get("role") == role and isinstance(last.get("content"), str):
                last["content"] += f"\n{text}"
            else:
                others = {key: value for key, value in message.items() if key not in ("role", "from", "value", "text")}
                joined.append({**others, "role": role, "content": text})
        before = name
    return joined
