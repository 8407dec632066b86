"""An example as the tokens the model sees, and which of them it learns."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data import turns
from core.data.example import Example, Message

_FOR_HONE = ("weight",)  # keys of a message that no template is to see


@dataclass(frozen=True, eq=False)
class Encoded:
    """One row as tokens. `mask` is 1 where a token is learned; never at the first, which nothing predicts."""

    line: int
    tokens: NDArray[np.int32]  # [T]
    mask: NDArray[np.int8]  # [T]
    cut: int  # tokens cut off at the end
    note: str = ""  # what a person should know about how this row was written out


@dataclass(frozen=True)
class Question:
    """What a model is asked before and after training: a row without its last answer."""

    tokens: tuple[int, ...]
    prompt: str  # for people: the last thing asked
    expected: str


def encode(example: Example, tokenizer: Any, *, train_on: str, max_len: int) -> Encoded:
    """The row as tokens and mask, at most `max_len` of them.

    train_on is "answers" (every answer of a conversation), "last" (the last one) or "all". Plain text is
    always learned whole. A conversation goes through the model's chat template; a model without one gets
    plain text instead, which the note says. A row that cannot be masked for sure comes back with no learned
    token and a note. As TRL: one beginning and one end of text, and the completion starts where the tokens
    of prompt and full text part.
    """
    if example.messages is not None and tokenizer.chat_template:
        ids, learned, note = _chat(example, tokenizer, train_on)
    elif example.text is not None:
        ids = _raw_ids(tokenizer, _closed(example.text, tokenizer))
        learned, note = [(0, len(ids))], ""
    else:
        prompt, completion, note = _as_text(example)
        ids = _raw_ids(tokenizer, _closed(prompt + completion, tokenizer))
        start = 0 if train_on == "all" else _common(_raw_ids(tokenizer, prompt), ids)
        learned = [(start, len(ids))]
    mask = np.zeros(len(ids), dtype=np.int8)
    for start, end in learned:
        mask[start:end] = 1
    mask[:1] = 0
    cut = max(0, len(ids) - max_len)
    if cut and mask.any() and not mask[:max_len].any():
        note = note or "The answer starts behind the maximum length."
    return Encoded(example.line, np.array(ids[:max_len], dtype=np.int32), mask[:max_len], cut, note)


def ask(example: Example, tokenizer: Any) -> Question | None:
    """The row up to its last answer, ready for the model to go on; None for plain text."""
    if example.messages is None:
        if example.prompt is None:
            return None
        ids = _raw_ids(tokenizer, example.prompt)
        return Question(tuple(_unclosed(ids, tokenizer)), example.prompt, example.completion or example.answer or "")
    messages = example.messages
    last = max((n for n, m in enumerate(messages) if m["role"] == "assistant"), default=len(messages))
    answered = example.answer is None and last == len(messages) - 1
    asked = messages[:last] if answered else messages
    expected = messages[last]["content"] if answered else example.answer or ""
    if not asked:
        return None
    if tokenizer.chat_template:
        try:
            ids = _ids(tokenizer, _render(example, tokenizer, asked, True))[0]
        except TemplateRefused:
            return None
    else:
        ids = _unclosed(_raw_ids(tokenizer, _plain(asked)), tokenizer)
    return Question(tuple(ids), asked[-1]["content"], expected)


class TemplateRefused(Exception):
    """The chat template cannot write this conversation; the text says why."""


def _chat(example: Example, tokenizer: Any, train_on: str) -> tuple[list[int], list[tuple[int, int]], str]:
    """(token ids, learned ranges of them, note) of a conversation."""
    messages = example.messages or ()

    def render(part: Sequence[Message], asking: bool) -> str:
        return _render(example, tokenizer, part, asking)

    try:
        full = render(messages, False)
    except TemplateRefused as error:
        return [], [], f"The chat template refuses this row: {error}."
    end, note = _missing_end(messages, tokenizer)
    ids, offsets = _ids(tokenizer, full + end)
    if train_on == "all":
        return ids, [(0, len(ids))], note
    answers = [n for n, m in enumerate(messages) if m["role"] == "assistant" and m.get("weight", 1)]
    learned = []
    for number in answers[-1:] if train_on == "last" else answers:
        try:
            turn = turns.find(messages, number, full, render, tokenizer.eos_token or "")
        except TemplateRefused as error:
            turn, note = None, f"The chat template refuses a part of this row: {error}."
        if turn is None:
            note = note or "An answer cannot be found in what the chat template writes; it is not learned."
            continue
        note = note or turn.note
        if turn.end == len(full):
            turn = replace(turn, end=len(full + end))
        learned.append(_range(tokenizer, ids, offsets, turn))
    return ids, learned, note


def _range(tokenizer: Any, ids: list[int], offsets: list[tuple[int, int]], turn: turns.Turn) -> tuple[int, int]:
    """The tokens of an answer. A token across its start belongs to it, one across its end too."""
    if turn.prompt:
        start = _common(_ids(tokenizer, turn.prompt)[0], ids)
    else:
        start = next((n for n, (_, end) in enumerate(offsets) if end > turn.start), len(ids))
    end = next((n for n in range(start, len(ids)) if offsets[n][0] >= turn.end), len(ids))
    return start, end


def _missing_end(messages: Sequence[Message], tokenizer: Any) -> tuple[str, str]:
    """The end of text where a template writes none, and a note: without one a model never learns to stop."""
    eos = tokenizer.eos_token
    if not eos or messages[-1]["role"] != "assistant" or _closes(tokenizer, str(tokenizer.chat_template)):
        return "", ""
    return eos, f"The chat template writes nothing behind an answer; {eos} was added, to learn to stop."


@functools.lru_cache(maxsize=4)
def _closes(tokenizer: Any, template: str) -> bool:
    """Whether the chat template writes anything behind an answer. `template` only tells the cache when it changes."""
    probe = ({"role": "user", "content": "?"}, {"role": "assistant", "content": turns.MARK})
    try:
        return bool(_render(Example(0), tokenizer, probe, False).rpartition(turns.MARK)[2].strip())
    except TemplateRefused:
        return True


def _render(example: Example, tokenizer: Any, messages: Sequence[Message], asking: bool) -> str:
    """The conversation as the tokenizer's own template writes it, in transformers' sandbox."""
    import jinja2

    shown = [{k: v for k, v in m.items() if k not in _FOR_HONE} for m in messages]
    tools = [dict(t) for t in example.tools] or None
    try:
        text: str = tokenizer.apply_chat_template(shown, tools=tools, tokenize=False, add_generation_prompt=asking)
    except jinja2.TemplateError as error:
        raise TemplateRefused(str(error).rstrip(".")) from None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:  # raised inside the template
        raise TemplateRefused(f"{type(error).__name__}: {error}".rstrip(".")) from None
    return text


def _as_text(example: Example) -> tuple[str, str, str]:
    """(prompt, completion, note) of a row that goes to the model as plain text."""
    if example.messages is None:
        return example.prompt or "", example.completion or "", ""
    *asked, answer = example.messages
    note = "The model has no chat template: conversations are written as plain text, parted by blank lines."
    return _plain(asked), answer["content"], note


def _plain(messages: Sequence[Message]) -> str:
    """Messages without a template: their texts, each followed by a blank line."""
    return "".join(f"{m['content'].strip()}\n\n" for m in messages)


def _closed(text: str, tokenizer: Any) -> str:
    eos = tokenizer.eos_token
    return text + eos if eos and not text.endswith(eos) else text


def _raw_ids(tokenizer: Any, text: str) -> list[int]:
    """Tokens of raw text, with what the tokenizer itself puts around it, but never two beginnings or two ends."""
    ids: list[int] = tokenizer(text, verbose=False)["input_ids"]
    if len(ids) > 1 and ids[0] == ids[1] == tokenizer.bos_token_id:
        ids = ids[1:]
    if len(ids) > 1 and ids[-1] == ids[-2] == tokenizer.eos_token_id:
        ids = ids[:-1]
    return ids


def _unclosed(ids: list[int], tokenizer: Any) -> list[int]:
    """Without the end of text that some tokenizers put behind everything."""
    return ids[:-1] if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id else ids


def _ids(tokenizer: Any, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """(ids, [start, end) characters of each) of text that carries its special tokens itself."""
    made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return made["input_ids"], made["offset_mapping"]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading tokens two rows share."""
    for n, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return n
    return min(len(one), len(other))
