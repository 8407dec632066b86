"""The example that a row stands for, whatever format its file has, and the remarks that a row can get."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.read.reader import Severity
from core.text.sentence import shorten

_PIECE = 1 << 20  # characters that are made comparable at once

Message = dict[str, Any]  # {"role": "user", "content": "…"}, in OpenAI's form


@dataclass(frozen=True, slots=True)
class Example:
    """One example. Which fields are set follows from the kind of data (core.data.kinds):

    TEXT       messages with the answers among them, or prompt and completion, or text
    PAIRS      messages or prompt (what was asked), chosen and rejected (messages or text)
    UNPAIRED   messages that end with the answer, or prompt and completion; label (True for good, False for bad)
    QUESTIONS  messages or prompt (what was asked), answer (what to check against)
    """

    line: int  # of its row in the file, counted from 1
    messages: tuple[Message, ...] | None = None
    prompt: str | None = None
    completion: str | None = None
    text: str | None = None
    chosen: tuple[Message, ...] | str | None = None
    rejected: tuple[Message, ...] | str | None = None
    label: bool | None = None
    answer: str | None = None
    tools: tuple[dict[str, Any], ...] = ()  # JSON schemas of the functions the model may call
    file: str = ""  # the file of its row, when a dataset has several files


@dataclass(frozen=True)
class Remark:
    """What is wrong or odd about a row; it becomes a Finding once file and line are known."""

    code: str
    severity: Severity
    message: str
    fix: str | None = None


class Unusable(Exception):
    """Raised for a row from which nothing can be learned. `remark` gives the reason."""

    def __init__(self, code: str, message: str, fix: str | None = None) -> None:
        message = shorten(message)  # the name of a column, which it may quote, can have line breaks
        super().__init__(message)
        self.remark = Remark(code, "error", message, fix)


def is_prompt_only(example: Example) -> bool:
    """Whether an example is a prompt without an answer, with nothing to learn in it."""
    if example.chosen is not None or example.text is not None:
        return False
    if example.messages is not None:
        return bool(example.messages[-1]["role"] != "assistant")
    return example.completion is None


def example_texts(example: Example) -> list[str]:
    """Every text of an example, in order."""
    texts: list[str] = []
    for part in (example.messages, example.prompt, example.completion, example.text, example.chosen, example.rejected):
        if part is None:
            continue
        if isinstance(part, str):
            texts.append(part)
        else:
            for message in part:
                texts.append(message["content"])
                if "tool_calls" in message:
                    texts.append(json.dumps(message["tool_calls"], ensure_ascii=False, default=str))
    if example.label is not None:
        texts.append(str(example.label))
    if example.answer is not None:
        texts.append(example.answer)
    return texts


def content_key(example: Example) -> str:
    """A hash (hexadecimal, 32 digits) that is equal for examples with the same texts, ignoring case, white space and
    line."""
    return texts_key(example_texts(example))


def texts_key(texts: Sequence[str]) -> str:
    """content_key() of the example with these texts."""
    if sum(map(len, texts)) <= _PIECE:
        content = "\0".join([" ".join(text.casefold().split()) for text in texts])
        return hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=16).hexdigest()
    digest = hashlib.blake2b(digest_size=16)
    for n, text in enumerate(texts):
        digest.update(b"\0" if n else b"")
        for piece in _normalised(text):
            digest.update(piece.encode("utf-8", "replace"))
    return digest.hexdigest()


def _normalised(text: str) -> Iterator[str]:
    """ " ".join(text.casefold().split()), in pieces: as a whole the words of a text take many times its memory."""
    gap = begun = False  # whether white space was met since the last word, and whether there was a word
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE].casefold()
        words = " ".join(piece.split())
        if words:
            yield " " + words if begun and (gap or piece[0].isspace()) else words
            begun, gap = True, piece[-1].isspace()
        else:
            gap = True
