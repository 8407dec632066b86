"""An example as the text the model is given, and which stretches of it are learned. No tokens yet."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Example, Message
from core.data.tokenize import answer_spans
from core.data.tokenize.render import TemplateRefused, render, render_with_fallbacks

_NO_TEMPLATE = "The model has no chat template: conversations are written as plain text, parted by blank lines."


@dataclass(frozen=True)
class LearnedSpan:
    """Characters that are learned. Where a prompt is given, they start at the first token in which the tokens of
    the prompt and of the whole text differ, else at the token that holds the character `start`."""

    start: int
    end: int
    prompt: str | None = None


@dataclass(frozen=True)
class RenderedText:
    """The text of a row. `raw` text has no special tokens yet: the tokenizer puts its own around it."""

    text: str
    learned: tuple[LearnedSpan, ...] = ()
    raw: bool = False
    unclosed: bool = False  # the model is to go on, so the tokenizer's end of text has to go
    note: str = ""  # what a person should know about how the row was written out


def render_example(example: Example, tokenizer: Any, train_on: str) -> RenderedText:
    """The row written out; see core.data.tokenize.encode.encode_example for `train_on`."""
    if example.messages is not None and tokenizer.chat_template:
        return _chat(example.messages, example, tokenizer, train_on)
    if example.text is not None:
        text = _closed(example.text, tokenizer)
        return RenderedText(text, (LearnedSpan(0, len(text)),), raw=True)
    prompt, completion, note = _as_text(example)
    if completion is None:
        return RenderedText(prompt, raw=True, unclosed=True, note=note)
    text = _closed(prompt + completion, tokenizer)
    learned = LearnedSpan(0, len(text), None if train_on == "all" else prompt)
    return RenderedText(text, (learned,), raw=True, note=note)


def _chat(messages: tuple[Message, ...], example: Example, tokenizer: Any, train_on: str) -> RenderedText:
    """A conversation as its chat template writes it. One that ends with a question is only asked."""
    asking = messages[-1]["role"] != "assistant"
    try:
        messages, full, note = render_with_fallbacks(messages, example.tools, tokenizer, asking)
    except TemplateRefused as error:
        return RenderedText("", note=f"The chat template refuses this row: {error}.")
    end = "" if asking or _closes(tokenizer, str(tokenizer.chat_template)) else tokenizer.eos_token or ""
    if end:
        note = note or f"The chat template writes nothing behind an answer; {end} was added, to learn to stop."
    text = full + end
    if asking or train_on == "all":
        return RenderedText(text, () if asking else (LearnedSpan(0, len(text)),), note=note)

    def part(messages: Sequence[Message], asking: bool) -> str:
        return render(messages, example.tools, tokenizer, asking)

    answers = [n for n, m in enumerate(messages) if m["role"] == "assistant" and m.get("weight", 1)]
    learned = []
    for number in answers[-1:] if train_on == "last" else answers:
        try:
            turn = answer_spans.find_answer(messages, number, full, part, tokenizer.eos_token or "")
        except TemplateRefused as error:
            turn, note = None, note or f"The chat template refuses a part of this row: {error}."
        if turn is None:
            note = note or "An answer cannot be found in what the chat template writes; it is not learned."
            continue
        note = note or turn.note
        learned.append(LearnedSpan(turn.start, len(text) if turn.end == len(full) else turn.end, turn.prompt or None))
    return RenderedText(text, tuple(learned), note=note)


@functools.lru_cache(maxsize=4)
def _closes(tokenizer: Any, template: str) -> bool:
    """Whether the chat template writes anything behind an answer. `template` only tells the cache when it changes."""
    probe = ({"role": "user", "content": "?"}, {"role": "assistant", "content": answer_spans.MARK})
    try:
        return bool(render(probe, (), tokenizer, False).rpartition(answer_spans.MARK)[2].strip())
    except TemplateRefused:
        return True


def _as_text(example: Example) -> tuple[str, str | None, str]:
    """(prompt, completion, note) of a row that goes to the model as plain text; no completion to only ask."""
    if example.messages is None:
        return example.prompt or "", example.completion, ""
    *asked, last = example.messages
    if last["role"] == "assistant":
        return _plain(asked), last["content"], _NO_TEMPLATE
    return _plain(example.messages), None, _NO_TEMPLATE


def _plain(messages: Sequence[Message]) -> str:
    """Messages without a template: their texts, each followed by a blank line."""
    return "".join(f"{m['content'].strip()}\n\n" for m in messages)


def _closed(text: str, tokenizer: Any) -> str:
    eos = tokenizer.eos_token
    return text + eos if eos and not text.endswith(eos) else text
