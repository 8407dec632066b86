"""A conversation rendered by a tokenizer's chat template, in the sandbox that transformers uses."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from core.data.format.example import Message
from core.data.tokenize import plans
from core.data.tokenize.template_budget import TemplateLimit
from core.errors import BadModel
from core.text.sentence import say

_HIDDEN_FIELDS = ("weight",)  # of a message, for Hone alone: templates do not see them
Tools = tuple[dict[str, Any], ...]


class TemplateRefused(Exception):
    """Raised when the chat template cannot render a conversation; the text gives the reason."""


class Rendering(NamedTuple):
    """A conversation as a chat template renders it, in a form that the template accepts."""

    messages: tuple[Message, ...]
    text: str
    note: str  # what had to change in the messages, if anything


def render(messages: Sequence[Message], tools: Tools, tokenizer: Any, add_generation_prompt: bool) -> str:
    """The text of a conversation, with the opening of an answer behind it if asked for.

    Raises TemplateRefused, and BadModel for a template that goes beyond a limit of time or size.
    """
    if not tools:
        written = plans.write(messages, tokenizer, add_generation_prompt)
        if written is not None:
            return written
    text = _ask_template(messages, tools, tokenizer, add_generation_prompt)
    if not tools:
        plans.learn(messages, tokenizer, add_generation_prompt, text)
    return text


def _ask_template(messages: Sequence[Message], tools: Tools, tokenizer: Any, add_generation_prompt: bool) -> str:
    import jinja2

    visible = [{k: v for k, v in m.items() if k not in _HIDDEN_FIELDS} for m in messages]
    functions = [dict(t) for t in tools] or None
    try:
        text: str = tokenizer.apply_chat_template(
            visible, tools=functions, tokenize=False, add_generation_prompt=add_generation_prompt
        )
    except (TemplateLimit, RecursionError, MemoryError) as error:
        reason = (
            say("calls itself without an end")
            if isinstance(error, RecursionError)
            else str(error) or say("takes all memory")
        )
        raise BadModel(
            say(
                "The chat template of {model} {reason}.",
                model=tokenizer.name_or_path or say("the model"),
                reason=reason,
            )
        ) from None
    except jinja2.TemplateError as error:
        raise TemplateRefused(_in_one_line(error)) from None
    except Exception as error:  # raised inside the template, which may do anything: divide by zero, call itself
        raise TemplateRefused(f"{type(error).__name__}: {_in_one_line(error)}") from None
    return text


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def render_with_fallbacks(
    messages: tuple[Message, ...], tools: Tools, tokenizer: Any, add_generation_prompt: bool
) -> Rendering:
    """Render the messages as they are or, if the template refuses them, in another form that templates ask for.

    Raises TemplateRefused, with the template's reason against the messages as they are, when it accepts no form.
    """
    refusal: TemplateRefused | None = None
    for form, note in _forms(messages):
        try:
            return Rendering(form, render(form, tools, tokenizer, add_generation_prompt), note)
        except TemplateRefused as error:
            refusal = refusal or error
    raise refusal or TemplateRefused(say("there is no message"))


def _forms(messages: tuple[Message, ...]) -> Iterator[tuple[tuple[Message, ...], str]]:
    """The messages as they are, then in the other forms that templates ask for."""
    yield messages, ""
    if any(m.get("tool_calls") for m in messages):
        yield tuple(_with_text_arguments(m) for m in messages), ""
    if any(m["role"] == "developer" for m in messages):
        yield from ((form, note or DEVELOPER_AS_SYSTEM) for form, note in _forms(developer_as_system(messages)))
    if len(messages) > 1 and messages[0]["role"] == "system" and messages[1]["role"] == "user":
        system, first, *later = messages
        joined = {**first, "content": f"{system['content'].strip()}\n\n{first['content']}"}
        yield (
            (joined, *later),
            say("The chat template takes no system message; its text was put before the first question."),
        )


DEVELOPER_AS_SYSTEM = say("The chat template writes no developer message; it was given as a system message.")


def developer_as_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with those of a developer as system messages, which they are for models that know no developer."""
    return tuple({**m, "role": "system"} if m["role"] == "developer" else m for m in messages)


def _with_text_arguments(message: Message) -> Message:
    """The message with the arguments of its function calls as JSON text, as some templates want them."""
    if not message.get("tool_calls"):
        return message
    calls = []
    for call in message["tool_calls"]:
        arguments = json.dumps(call["function"]["arguments"], ensure_ascii=False)
        calls.append({**call, "function": {**call["function"], "arguments": arguments}})
    return {**message, "tool_calls": calls}
