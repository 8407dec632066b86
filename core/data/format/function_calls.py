"""The functions that a message calls, turned into OpenAI's form."""

import json
from typing import Any

from core.data.format.example import Unusable
from core.data.read.json_value import repair_json
from core.text.sentence import say

_ARGUMENT_KEYS = ("arguments", "input", "args", "parameters")  # of a call; the second as Anthropic has it
_EMPTY = ("", "[]", "{}", "null", "none")  # texts that stand for no list


def are_calls(value: Any) -> bool:
    """Whether a value is a list of function calls, each with a name and arguments."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(call, dict) and {"name", "arguments"} <= call.keys() for call in value)
    )


def read_calls(value: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """The function calls of a message in OpenAI's form, with arguments as an object, which is what most templates want.

    `number` is the message's, for what is said of it. Raises Unusable.
    """
    calls = value.get("tool_calls") or ([value["function_call"]] if value.get("function_call") else [])
    if isinstance(calls, str):
        calls = [] if calls.strip().lower() in _EMPTY else parse_calls(calls, number)
    if not isinstance(calls, list):
        raise Unusable("tool-call", say("Message {number} has tool_calls that are not a list.", number=number))
    return [parse_call(call, number) for call in calls]


def parse_calls(content: str | None, number: int) -> list[dict[str, Any]]:
    """The calls that a ShareGPT message of the role function_call holds as JSON. Raises Unusable."""
    try:
        calls = json.loads(content or "")
    except (ValueError, RecursionError):
        repaired = repair_json(content or "")
        if not repaired:
            raise Unusable(
                "tool-call", say("Message {number} holds a function call that is not valid JSON.", number=number)
            ) from None
        calls = repaired[0]
    return [parse_call(call, number) for call in (calls if isinstance(calls, list) else [calls])]


def parse_call(value: Any, number: int) -> dict[str, Any]:
    """One call in OpenAI's form, from that form or from a name with arguments. Raises Unusable."""
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Unusable("tool-call", say("Message {number} calls a function without a name.", number=number))
    arguments: Any = next((function[key] for key in _ARGUMENT_KEYS if function.get(key) is not None), {})
    if isinstance(arguments, str):
        arguments = _parse_arguments(arguments, function["name"], number)
    call_id = next((value[key] for key in ("id", "call_id") if isinstance(value.get(key), str)), None)
    own_id = {"id": call_id} if call_id else {}
    return {**own_id, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _parse_arguments(text: str, name: str, number: int) -> Any:
    """The arguments that a text holds as JSON, or as Python writes them. Raises Unusable."""
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError):
        repaired = repair_json(text)
        if not repaired or not isinstance(repaired[0], dict):
            message = say(
                "Message {number} calls {name} with arguments that are not valid JSON.", number=number, name=name
            )
            raise Unusable("tool-call", message) from None
        arguments = repaired[0]
    return {} if arguments is None else arguments
