"""Conversations in the forms that datasets use, turned into messages with role and content."""

import math
import re
import shlex
from collections.abc import Sequence
from typing import Any

from core.data.format import gemini
from core.data.format.example import Message, Remark, Unusable
from core.data.format.function_calls import parse_calls, read_calls
from core.data.format.message_content import read_content, split_results
from core.data.format.roles import CALL_ROLES, SPEAKERS, own_name, role_of, speaker_of
from core.data.format.speakers import text_of, turn_keys, with_role
from core.text.comma_list import join_list
from core.text.sentence import join, join_and, say, shorten
from core.text.visible import is_blank

_EXTRA_FIELDS = ("tool_call_id", "name")
# Under these a message keeps what was thought before its text; templates know the first.
_THINKING_FIELDS = ("reasoning_content", "thinking", "reasoning", "chain_of_thought", "thought")
_THINKING_MARK = "<think>"  # what a text begins with that holds its thinking itself
_WEIGHT_FIELDS = ("weight", "loss", "train", "loss_weight")  # whether an answer is learned
_NO_WEIGHT = ("false", "no", "off")
_NAME_ROLES = say("Name who speaks under role: user, assistant, system or tool.")
_OF_SHELL = re.compile(r'["$`\\!]')  # what means something within double quotes there
_MOST_NAMES, _LONGEST_NAME = 8, 40  # of people, in a sentence


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of messages, in OpenAI's form ("role") or in ShareGPT's ("from")."""
    return (
        isinstance(value, (list, tuple))  # for every row: as a union it would be made anew each time
        and bool(value)
        and all(isinstance(m, dict) and ("role" in m or "from" in m) for m in value)
    )


def as_messages(value: Any) -> Any:
    """A conversation that is told in another way as a list of messages; any other value as it is.

    Texts by themselves are the user's and the assistant's in turn; an object with input and output is two turns; who
    speaks may stand under another key, such as sender; the items of OpenAI's Responses are messages and calls.
    """
    if isinstance(value, dict):
        value = _rows_of_lists(value)
    if not isinstance(value, list | tuple) or not value:
        return value
    first = value[0]
    if all(map(gemini.is_content, value)):
        return [gemini.as_message(content) for content in value]
    if isinstance(first, str) and all(isinstance(text, str) for text in value):
        return [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(value)]
    if not isinstance(first, dict) or not all(isinstance(item, dict) for item in value):
        return value
    if any("type" in item and "role" not in item for item in value) and all(map(_is_response_item, value)):
        return _join_response_items(value)
    if "role" in first or "from" in first:
        return value
    if keys := turn_keys(list(value)):
        system = [{"role": "system", "content": first["system"]}] if first.get("system") else []  # as in XTuner's form
        turns = ({"role": role, "content": turn[k]} for turn in value for role, k in zip(_SIDES, keys, strict=True))
        return [*system, *turns]
    named = [with_role(item) for item in value]
    return named if all(message is not None for message in named) else value


_SIDES = ("user", "assistant")


def _rows_of_lists(value: dict[str, Any]) -> Any:
    """The messages that lists of speakers and of texts hold, as `datasets` keeps a sequence of objects; any other value
    as it is."""
    columns = list(value.values())
    if not ({"role", "from"} & value.keys()) or not all(
        isinstance(column, list) and len(column) == len(columns[0]) for column in columns
    ):
        return value
    return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]


_RESPONSE_ITEMS = ("message", "reasoning", "function_call", "function_call_output")  # of OpenAI's Responses


def _is_response_item(item: dict[str, Any]) -> bool:
    return item.get("type", "message") in _RESPONSE_ITEMS and ("role" in item or "type" in item)


def _join_response_items(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages from items, of which reasoning and calls stand before or behind the message that they belong to."""
    messages: list[dict[str, Any]] = []
    thinking = ""
    for item in items:
        kind = item.get("type", "message")
        if kind == "reasoning":
            parts = item.get("summary") or item.get("content") or []
            texts = [part.get("text", "") if isinstance(part, dict) else str(part) for part in parts]
            thinking = "\n".join([thinking, *texts]).strip()
            continue
        if kind == "function_call_output":
            messages.append({"role": "tool", "content": item.get("output"), "tool_call_id": item.get("call_id")})
            continue
        if kind == "function_call":
            calls = messages[-1].get("tool_calls") if messages and messages[-1]["role"] == "assistant" else None
            if calls:
                calls.append(item)
                continue
            message = {"role": "assistant", "content": None, "tool_calls": [item]}
        else:
            message = {key: value for key, value in item.items() if key not in ("type", "id", "status")}
        messages.append(message | {"reasoning_content": thinking} if thinking else message)
        thinking = ""
    return messages


def as_answer(value: Any) -> Any:
    """An answer that is told as one message, as the items of OpenAI's Responses or as what its other interface gives
    back, as a list of messages; any other value as it is."""
    if isinstance(value, dict):
        choices = value.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict) and "message" in choices[0]:
            value = choices[0]["message"]
        return [value] if "role" in value and ("content" in value or "tool_calls" in value) else value
    is_items = isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
    return as_messages(value) if is_items and any("role" in item or "type" in item for item in value) else value


def parse_messages(value: Sequence[Any]) -> tuple[Message, ...]:
    """The messages of a conversation (see is_conversation) in OpenAI's form, each with "role" and "content" (a string).

    Raises Unusable with the number of the message at fault.
    """
    return tuple(
        _parse_message(part, n, value)
        for n, m in enumerate(value, 1)
        for part in (split_results(m) if isinstance(m, dict) else (m,))
    )


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
        if role != "assistant" and role != "user" and role != "system":
            return None
        is_seen = "!" <= content[:1] <= "~" or not is_blank(content)
        if not is_seen and role != "system":
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
    if any(map(_is_empty_question, messages[:last])):
        message = say("A message of the user is empty.")
        remarks.append(Remark("empty-turn", "warning", message, say("The answer to it is learned all the same.")))
    if last + 1 == len(messages):
        return messages, remarks
    role = messages[-1]["role"]
    message = say("The conversation ends with {role}, not with an answer.", role=SPEAKERS.get(role, role))
    remarks.append(Remark("ends-with-user", "warning", message, say("What follows the last answer is left out.")))
    return messages[: last + 1], remarks


def _is_empty_question(message: Message) -> bool:
    return message["role"] == "user" and is_blank(message["content"])


def _is_empty_answer(message: Message) -> bool:
    return message["role"] == "assistant" and not has_content(message) and not message.get("reasoning_content")


def has_content(message: Message) -> bool:
    """Whether a message has text or calls a function."""
    return not is_blank(message["content"]) or bool(message.get("tool_calls"))


def _parse_message(value: Any, number: int, conversation: Sequence[Any]) -> Message:
    if not isinstance(value, dict):
        raise Unusable("message", say("Message {number} is not an object with role and content.", number=number))
    name = speaker_of(value)
    role = role_of(name)
    if role is None:
        raise _unknown_role(name, number, conversation)
    is_call = own_name(name).replace("-", "_") in CALL_ROLES
    parts = text_of(value)
    if len(value) == 2 and isinstance(parts, str) and not is_call:
        return {"role": role, "content": parts}  # nearly every message: nothing but who and what
    content, thinking, part_calls = read_content(parts, number, role)
    fields = {k: value[k] for k in _EXTRA_FIELDS if value.get(k) is not None}
    thinking = thinking or next((str(value[k]) for k in _THINKING_FIELDS if str(value.get(k) or "").strip()), "")
    if thinking and not (content or "").lstrip().startswith(_THINKING_MARK):  # else it would stand there twice
        fields["reasoning_content"] = thinking
    if role == "assistant" and value.get("train_detail"):  # as Axolotl has it
        message = say(
            "Of message {number} parts are to be learned (train_detail); here it is all or none.", number=number
        )
        raise Unusable("weight", message, say("Without train_detail all of it is learned."))
    weight = _read_weight(value)
    if weight != 1:
        fields["weight"] = weight
    calls = [*read_calls(value, number), *part_calls]
    if is_call:
        calls, content = parse_calls(content, number), ""
    if calls:
        fields["tool_calls"] = calls
    if content is None and not calls:
        raise Unusable("null", say("Message {number} has no content.", number=number))
    return {"role": role, "content": content or "", **fields}


def _unknown_role(name: Any, number: int, conversation: Sequence[Any]) -> Unusable:
    if name is None:
        return Unusable("role", say("Message {number} does not say who speaks.", number=number), _NAME_ROLES)
    named = (speaker_of(m) for m in conversation if isinstance(m, dict))
    speakers = dict.fromkeys(str(speaker) for speaker in named if speaker is not None)
    people = [speaker for speaker in speakers if role_of(speaker) is None]
    fix = say("Say whose messages are learned: --columns {entry}.", entry=_in_quotes(f"assistant={people[0]}"))
    if any(role_of(speaker) == "assistant" for speaker in speakers):
        message = say("Message {number} has the unknown role {role_name!r}.", number=number, role_name=name)
        return Unusable("role", message, _NAME_ROLES)
    if len(speakers) == 1 < len(conversation):
        message = say("All messages of this conversation are by {name}: nobody answers.", name=people[0])
        fix = say('Where others answer, say whose messages are learned: --columns "assistant=NAME".')
        return Unusable("role", message, join([_NAME_ROLES, fix]))
    if len(people) == 1:
        message = say("Message {number} has the unknown role {role_name!r}.", number=number, role_name=name)
        return Unusable("role", message, join([_NAME_ROLES, fix]))
    names = [shorten(person, _LONGEST_NAME) for person in people]
    names = names if len(names) <= _MOST_NAMES else [*names[: _MOST_NAMES - 1], say("others")]
    return Unusable("role", say("It is not said who is the assistant of these: {names}.", names=join_and(names)), fix)


def _in_quotes(entry: str) -> str:
    """An entry of --columns as it is written in a shell."""
    entry = join_list([entry])
    return shlex.quote(entry) if _OF_SHELL.search(entry) else f'"{entry}"'


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
