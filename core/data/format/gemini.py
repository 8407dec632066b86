"""Conversations as Google's Gemini has them, turned into OpenAI's form: contents with parts, functions with
declarations. See https://ai.google.dev/api/caching#Content."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_CALL = ("functionCall", "function_call")
_RESPONSE = ("functionResponse", "function_response")


def is_content(value: Any) -> bool:
    """Whether a value is a message with parts; ChatGPT's export has such parts inside of a message's content."""
    return isinstance(value, dict) and isinstance(value.get("parts"), list) and "content_type" not in value


def as_message(content: Mapping[str, Any]) -> dict[str, Any]:
    """A message with typed parts from a content; who speaks is the user where it does not say."""
    parts = [_typed(part) for part in content["parts"]]
    gives_back = any(_one_of(part, _RESPONSE) is not None for part in content["parts"])
    others = {key: value for key, value in content.items() if key not in ("role", "parts")}
    return {"role": "tool" if gives_back else content.get("role", "user"), "content": parts, **others}


def declared_functions(tools: Sequence[Any]) -> list[Any]:
    """Tools with the functions that they declare in their place, as JSON schemas."""
    functions: list[Any] = []
    for tool in tools:
        declared = _one_of(tool, ("functionDeclarations", "function_declarations"))
        functions += [tool] if declared is None else [_with_lower_types(function) for function in declared]
    return functions


def is_text(part: Any) -> bool:
    """Whether a part of a content is text."""
    return _one_of(part, ("text",)) is not None


def is_media(part: Any) -> bool:
    """Whether a part of a content is a picture, a sound or the like: no text, and nothing of a function."""
    return _one_of(part, ("text", *_CALL, *_RESPONSE)) is None


def _one_of(value: Any, names: Sequence[str]) -> Any:
    return next((value[name] for name in names if name in value), None) if isinstance(value, Mapping) else None


def _typed(part: Any) -> Any:
    if not isinstance(part, Mapping) or "type" in part or not part:
        return part
    call, response = _one_of(part, _CALL), _one_of(part, _RESPONSE)
    if isinstance(call, Mapping):
        return {"type": "function_call", "name": call.get("name"), "arguments": call.get("args") or {}}
    if isinstance(response, Mapping):
        given = response.get("response")
        return {"type": "text", "text": given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)}
    if "text" in part:
        return {"type": "thinking" if part.get("thought") is True else "text", "text": part["text"]}
    return {"type": str(next(iter(part)))}  # a picture or the like, which is told by this name


def _with_lower_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_lower_types(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else _with_lower_types(value)
        for key, value in schema.items()
    }
