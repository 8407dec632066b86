"""What one row means, whatever its file looked like, and what may stand in the way of using it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.data.read.reader import Severity

Message = dict[str, Any]  # {"role": "user", "content": "…"}, in OpenAI's form


@dataclass(frozen=True, slots=True)
class Example:
    """One row. Which fields are set follows from the kind of data:

    text       messages with the answers among them, or prompt and completion, or text
    pairs      messages or prompt (what was asked), chosen and rejected (messages or text)
    thumbs     messages that end with the answer, or prompt and completion; label
    questions  messages or prompt (what was asked), answer (what to check against)
    """

    line: int
    messages: tuple[Message, ...] | None = None
    prompt: str | None = None
    completion: str | None = None
    text: str | None = None
    chosen: tuple[Message, ...] | str | None = None
    rejected: tuple[Message, ...] | str | None = None
    label: bool | None = None
    answer: str | None = None
    tools: tuple[dict[str, Any], ...] = ()  # JSON schemas of the functions the model may call
    file: str = ""  # where the row stands, when a dataset has several files


@dataclass(frozen=True)
class Remark:
    """What a shape has to say about a row; it becomes a Finding once file and line are known."""

    code: str
    severity: Severity
    message: str
    fix: str | None = None


class Unusable(Exception):
    """A row nothing can be learned from. Carries the Remark that says why."""

    def __init__(self, code: str, message: str, fix: str | None = None) -> None:
        message = " ".join(message.split())  # the name of a column, which it may quote, can have line breaks
        super().__init__(message)
        self.remark = Remark(code, "error", message, fix)


def only_asks(example: Example) -> bool:
    """Whether a row is a question that the model is to answer by itself, with nothing to learn in it."""
    if example.chosen is not None or example.text is not None:
        return False
    if example.messages is not None:
        return bool(example.messages[-1]["role"] != "assistant")
    return example.completion is None


def words(example: Example) -> Iterator[str]:
    """Every text of an example, in order."""
    for part in (example.messages, example.prompt, example.completion, example.text, example.chosen, example.rejected):
        if part is None:
            continue
        if isinstance(part, str):
            yield part
            continue
        for message in part:
            yield message["content"]
            if "tool_calls" in message:
                yield json.dumps(message["tool_calls"], ensure_ascii=False, default=str)
    yield from (str(part) for part in (example.label, example.answer) if part is not None)


def key(example: Example) -> str:
    """The same for rows that say the same: upper case, spacing and line aside."""
    said = "\0".join(" ".join(text.casefold().split()) for text in words(example))
    return hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()
