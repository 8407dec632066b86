"""A conversation as a tokenizer's chat template writes it, in the sandbox that transformers uses."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from core.data.format.example import Message

_FOR_HONE = ("weight",)  # keys of a message that no template is to see
Tools = tuple[dict[str, Any], ...]


class TemplateRefused(Exception):
    """The chat template cannot write this conversation; the text says why."""


def render(messages: Sequence[Message], tools: Tools, tokenizer: Any, asking: bool) -> str:
    """The conversation written out; `asking` adds the opening of an answer. Raises TemplateRefused."""
    import jinja2

    shown = [{k: v for k, v in m.items() if k not in _FOR_HONE} for m in messages]
    offered = [dict(t) for t in tools] or None
    try:
        text: str = tokenizer.apply_chat_template(shown, tools=offered, tokenize=False, add_generation_prompt=asking)
    except jinja2.TemplateError as error:
        raise TemplateRefused(str(error).rstrip(".")) from None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:  # raised inside the template
        raise TemplateRefused(f"{type(error).__name__}: {error}".rstrip(".")) from None
    return text


def render_with_fallbacks(
    messages: tuple[Message, ...], tools: Tools, tokenizer: Any, asking: bool
) -> tuple[tuple[Message, ...], str, str]:
    """(the messages in a form that the template takes, the text, a note if they had to change).

    Raises TemplateRefused, with what the template says to the messages as they are, when no form will do.
    """
    refusal: TemplateRefused | None = None
    for form, note in _forms(messages):
        try:
            return form, render(form, tools, tokenizer, asking), note
        except TemplateRefused as error:
            refusal = refusal or error
    raise refusal or TemplateRefused("there is no message")


def _forms(messages: tuple[Message, ...]) -> Iterator[tuple[tuple[Message, ...], str]]:
    """The messages as they are, then in the other forms that templates ask for."""
    yield messages, ""
    if any(m.get("tool_calls") for m in messages):
        yield tuple(_with_texts(m) for m in messages), ""
    if len(messages) > 1 and messages[0]["role"] == "system" and messages[1]["role"] == "user":
        system, first, *rest = messages
        joined = {**first, "content": f"{system['content'].strip()}\n\n{first['content']}"}
        yield (joined, *rest), "The chat template takes no system message; its text was put before the first question."


def _with_texts(message: Message) -> Message:
    """The message with the arguments of its function calls as JSON text, as some templates want them."""
    if not message.get("tool_calls"):
        return message
    calls = []
    for call in message["tool_calls"]:
        arguments = json.dumps(call["function"]["arguments"], ensure_ascii=False)
        calls.append({**call, "function": {**call["function"], "arguments": arguments}})
    return {**message, "tool_calls": calls}
