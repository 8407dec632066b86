"""An example as the tokens the model sees, and which of them it learns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.format.example import Example, Message
from core.data.tokenize.rendered_text import RenderedText, render_example
from core.data.tokenize.tokens import Span, tokenize_texts


@dataclass(frozen=True, eq=False, slots=True)
class Encoded:
    """One row as tokens. `mask` is 1 where a token is learned; never at the first, which nothing predicts."""

    line: int
    tokens: NDArray[np.int32]  # [T]
    mask: NDArray[np.int8]  # [T]
    cut: int  # tokens cut off at the end
    note: str = ""  # what a person should know about how this row was written out


@dataclass(frozen=True)
class EncodedPrompt:
    """What a model is asked before and after training: a row without its last answer."""

    tokens: tuple[int, ...]
    prompt: str  # for people: the last thing asked
    expected: str


def encode_example(example: Example, tokenizer: Any, *, train_on: str, max_len: int) -> Encoded:
    """The row as tokens and mask, at most `max_len` of them.

    train_on is "answers" (every answer of a conversation), "last" (the last one) or "all". Plain text is
    always learned whole, a question without an answer not at all. A conversation goes through the model's
    chat template; a model without one gets plain text instead, which the note says. A row that cannot be
    masked for sure comes back with no learned token and a note. As TRL: one beginning and one end of text,
    and the completion starts where the tokens of prompt and full text part.

    Pairs have two texts; see encode_all().
    """
    written = render_example(example, tokenizer, train_on)
    ((ids, learned),) = tokenize_texts((written,), tokenizer)
    return to_encoded(example.line, written, ids, learned, max_len)


def to_encoded(line: int, written: RenderedText, ids: Sequence[int], learned: Iterable[Span], max_len: int) -> Encoded:
    """The row from its tokens and the spans of them that are learned."""
    mask = np.zeros(len(ids), dtype=np.int8)
    for start, end in learned:
        mask[start:end] = 1
    mask[:1] = 0
    cut, note = max(0, len(ids) - max_len), written.note
    if cut and mask.any() and not mask[:max_len].any():
        note = note or "The answer starts behind the maximum length."
    return Encoded(line, np.array(ids[:max_len], dtype=np.int32), mask[:max_len], cut, note)


def encode_example(example: Example, tokenizer: Any, *, train_on: str, max_len: int) -> tuple[Encoded, ...]:
    """Every text of a row: one, or of a pair the better and the worse answer, each behind the same prompt.

    As TRL, both answers of a pair start where the tokens of the prompt part from either of them.
    """
    return align_pair(
        encode_example(text, tokenizer, train_on=train_on if text is example else "answers", max_len=max_len)
        for text in split_texts(example)
    )


def align_pair(rows: Iterable[Encoded]) -> tuple[Encoded, ...]:
    """The texts of one row; of a pair, both answers from the same token on."""
    made = tuple(rows)
    if len(made) == 2 and made[0].mask.any() and made[1].mask.any():
        starts = [int(row.mask.argmax()) for row in made]
        for row in made:
            row.mask[min(starts) : max(starts)] = 1
    return made


def split_texts(example: Example) -> tuple[Example, ...]:
    """What the model sees of a row, as examples for encode(): of a pair two, of anything else one.

    Where one answer is judged (pairs and thumbs), earlier answers are context and not learned.
    """
    if example.chosen is not None and example.rejected is not None:
        return tuple(_with_answer(example, answer) for answer in (example.chosen, example.rejected))
    if example.label is not None and example.messages is not None:
        *before, answer = example.messages
        return (replace(example, messages=(*_as_context(before), answer), label=None),)
    return (example,)


def encode_prompt(example: Example, tokenizer: Any) -> EncodedPrompt | None:
    """The row up to its last answer, ready for the model to go on; None for plain text.

    An answer that is marked bad is not what is expected.
    """
    question = _question(example, tokenizer)
    return replace(question, expected="") if question and example.label is False else question


def _question(example: Example, tokenizer: Any) -> EncodedPrompt | None:
    if example.messages is None:
        if example.prompt is None:
            return None
        ids = _asked(Example(example.line, prompt=example.prompt), tokenizer)
        return EncodedPrompt(ids, example.prompt, example.completion or example.answer or _said(example.chosen))
    asked, expected = example.messages, example.answer or _said(example.chosen)
    if example.answer is None and asked[-1]["role"] == "assistant":
        asked, expected = asked[:-1], asked[-1]["content"]
    if not asked:
        return None
    ids = _asked(Example(example.line, messages=asked, tools=example.tools), tokenizer)
    return EncodedPrompt(ids, asked[-1]["content"], expected) if ids else None


def _asked(question: Example, tokenizer: Any) -> tuple[int, ...]:
    ((ids, _),) = tokenize_texts((render_example(question, tokenizer, "answers"),), tokenizer)
    return tuple(ids)


def _with_answer(example: Example, answer: tuple[Message, ...] | str) -> Example:
    """A pair's prompt with one of its answers."""
    if isinstance(answer, str):
        return Example(example.line, prompt=example.prompt, completion=answer)
    return Example(example.line, messages=(*_as_context(example.messages or ()), *answer), tools=example.tools)


def _as_context(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple({**m, "weight": 0} for m in messages)


def _said(answer: tuple[Message, ...] | str | None) -> str:
    return str(answer[-1]["content"]) if isinstance(answer, tuple) else answer or ""
