"""Messages that tell in another way who speaks, and turns of a question and its answer."""

from collections.abc import Mapping
from typing import Any

from core.data.format.roles import is_known_role

_ROLE_KEYS = ("role", "from")
# Under these other keys messages tell who speaks: as a name, or as whether it was the user.
_NAME_KEYS = ("author", "sender", "speaker", "sender_name", "from_name", "type", "name")
_IS_USER_KEYS = ("isCreatedByUser", "is_created_by_user", "is_user", "isUser", "is_human")
_TEXT_KEYS = ("content", "value", "text", "message", "mes", "utterance", "data")
# Two texts of one turn: what was asked, and the answer.
_TURN_KEYS = (
    ("input", "output"), ("human", "assistant"), ("user", "assistant"), ("question", "answer"), ("prompt", "response"),
    ("prompt", "completion"), ("instruction", "output"), ("human", "bot"), ("user", "bot"),
)  # fmt: skip


def text_of(message: Mapping[str, Any]) -> Any:
    """What a message says, under whatever key."""
    return next((message[key] for key in _TEXT_KEYS if key in message), None)


def with_role(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """A message that tells who speaks under another key, such as "sender", with "role" and "content"; None for any
    other one. A name that is not known stays as it is."""
    if any(key in message for key in _ROLE_KEYS):
        return None
    text_key = next((key for key in _TEXT_KEYS if key in message), "")
    if not text_key:
        return None
    text = message[text_key]
    if text_key == "data":  # as LangChain saves messages
        text = text.get("content") if isinstance(text, Mapping) else text
    others = {key: value for key, value in message.items() if key != text_key}
    for key in _IS_USER_KEYS:
        if isinstance(message.get(key), bool):
            return others | {"role": "user" if message[key] else "assistant", "content": text}
    for key in _NAME_KEYS:
        name = message.get(key)
        if isinstance(name, Mapping):
            name = name.get("role")
        if isinstance(name, str) and name.strip() and (key not in ("type", "name") or is_known_role(name)):
            del others[key]
            return others | {"role": name, "content": text}
    return None


def turn_keys(turns: list[Any]) -> tuple[str, str] | None:
    """The keys of the question and of the answer in turns that hold both; None where they are something else."""
    if not all(isinstance(turn, Mapping) for turn in turns):
        return None
    return next((keys for keys in _TURN_KEYS if all({*keys} <= turn.keys() for turn in turns)), None)
