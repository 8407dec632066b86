"""The content of a message: a text, typed parts, or an object, turned into text, thinking and function calls."""

import json
import math
from collections.abc import Callable
from typing import Any

from core.data.format import gemini
from core.data.format.example import Unusable
from core.data.format.function_calls import parse_call
from core.text.sentence import say

_PART_KEYS = ("type", "content_type", "text")  # a typed part has one of them
_TEXT_PARTS = ("text", "input_text", "output_text", "tool_result", "audio_transcription")
_CALL_PARTS = ("tool_call", "tool_use", "function_call")
_THINKING_PARTS = ("reasoning", "thinking")
_RESULT_PARTS = ("tool_result", "function_call_output")


def is_null(value: Any) -> bool:
    """Whether a value is null, or NaN, which stands for an empty cell."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def read_content(content: Any, number: int, role: str) -> tuple[str | None, str, list[dict[str, Any]]]:
    """(text, thinking, function calls) of a message's content: a string, OpenAI's typed parts, or an object.

    The text is None where there is no content. `number` is the message's, `role` that of its speaker. Raises Unusable.
    """
    if is_null(content) or content == [] or (content == {} and role != "tool"):
        return None, "", []
    if isinstance(content, str):
        return content, "", []
    if isinstance(content, list) and content and all(map(_is_part, content)):
        return _read_parts(content, number)
    if isinstance(content, dict | list):  # what a function gave back, or an answer in JSON
        if role not in ("assistant", "tool"):
            raise Unusable("type", say("Message {number} has content that is not text.", number=number))
        return json.dumps(content, ensure_ascii=False, default=str), "", []
    return str(content).lower() if isinstance(content, bool) else str(content), "", []


def text_of_parts(parts: Any) -> str | None:
    """The text of a list of parts that are nothing but texts; None for anything else."""
    if not (isinstance(parts, list) and parts and all(map(_is_part, parts)) and all(map(_is_text, parts))):
        return None
    return _read_parts(parts, 1)[0]


def split_results(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The message, with the results of functions in its parts, as Anthropic has them, as messages of their own."""
    parts = message.get("content")
    if not isinstance(parts, list) or not any(map(_is_result, parts)):
        return [message]
    results = [
        {
            "role": "tool",
            "content": part.get("content", part.get("output", "")),
            "tool_call_id": part.get("tool_use_id", part.get("call_id")),
        }
        for part in parts
        if _is_result(part)
    ]
    others = [part for part in parts if not _is_result(part)]
    return [*results, {**message, "content": others}] if others else results


def _is_result(part: Any) -> bool:
    return isinstance(part, dict) and _kind(part) in _RESULT_PARTS


def _is_part(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, dict) and any(key in value for key in _PART_KEYS))


def _kind(part: dict[str, Any]) -> str:
    return str(part.get("type", part.get("content_type", "text")))


def _read_parts(parts: list[Any], number: int) -> tuple[str, str, list[dict[str, Any]]]:
    """(text, thinking, function calls) of typed parts. Raises Unusable for one that is a picture, sound or the like."""
    texts, thinking, calls = [], [], []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = _kind(part)
        inner = next((part[k] for k in ("text", "value", "content", kind) if part.get(k) is not None), None)
        if kind in _CALL_PARTS:
            calls.append(parse_call(part.get("tool_call", part), number))
        elif kind in _THINKING_PARTS and isinstance(inner, str):
            thinking.append(inner)
        elif kind in _TEXT_PARTS and inner is not None:
            texts.append(inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False, default=str))
        else:
            raise Unusable(
                "not-text",
                say(
                    "Message {number} holds something other than text ({kind}), which cannot be learned yet; with "
                    "exclude=not-text its text alone is learned.",
                    number=number,
                    kind=kind,
                ),
            )
    return "".join(texts), "\n".join(thinking), calls


def leave_out_media(value: Any) -> Any:
    """A row, or a value in it, without pictures, sounds and the like: out of every list of typed parts in it, and every
    content in Gemini's form, that holds a text too."""
    if gemini.is_content(value):
        return {**value, "parts": _leave_out(value["parts"], gemini.is_media, gemini.is_text)}
    if isinstance(value, dict):
        return {k: leave_out_media(v) for k, v in value.items()}
    if not isinstance(value, list):
        return value
    if value and all(map(_is_part, value)):
        value = _leave_out(value, _is_media, _is_text)
    return [leave_out_media(v) for v in value]


def _leave_out(parts: list[Any], is_media: Callable[[Any], bool], is_text: Callable[[Any], bool]) -> list[Any]:
    return [part for part in parts if not is_media(part)] if any(map(is_text, parts)) else parts


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or _kind(part) in _TEXT_PARTS


def _is_media(part: Any) -> bool:
    return isinstance(part, dict) and _kind(part) not in (*_TEXT_PARTS, *_CALL_PARTS, *_THINKING_PARTS, *_RESULT_PARTS)
