"""An example as the tokens that the model sees, and the mask of those that it learns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.format.example import Example, Message
from core.data.tokenize.planned_spans import Span
from core.data.tokenize.rendered_text import RenderedText, render_example
from core.data.tokenize.row_plans import PlannedText
from core.data.tokenize.tokens import tokenize_texts
from core.text.sentence import say


@dataclass(frozen=True, eq=False, slots=True)
class Encoded:
    """One text as T tokens. `mask` is 1 where a token is learned; never at the first, which nothing predicts."""

    line: int  # of its row in the file, counted from 1
    tokens: NDArray[np.int32]  # [T]
    mask: NDArray[np.int8]  # [T]
    cut: int  # tokens that were cut off at the end
    note: str = ""  # what a person should know about how the text was rendered


@dataclass(frozen=True)
class EncodedPrompt:
    """An example without its last answer, for the model to answer."""

    tokens: tuple[int, ...]
    prompt: str  # for people: the last thing asked
    expected: str  # the answer of the example, "" where it has none


def encode_example(example: Example, tokenizer: Any, *, train_on: str, max_len: int) -> tuple[Encoded, ...]:
    """Every text of an example as tokens and mask: one text, or of a preference pair two (chosen, rejected), each
    behind the same prompt.

    example    any kind of data
    tokenizer  as core.data.tokenize.tokenizer.load_tokenizer returns it
    train_on   "answers" (every answer of a conversation), "last" (the last one) or "all". Whatever it is, plain text is
               learned whole, a prompt without an answer not at all, and of a preference pair or of a conversation with
               a marked answer the judged answers alone.
    max_len    tokens at which each text is cut

    A conversation goes through the model's chat template; a model without one gets plain text instead, which the note
    says. A text that cannot be masked for sure comes back with no learned token and a note. As in TRL: one beginning
    and one end of text; the completion starts where the tokens of prompt and full text differ; and both answers of a
    pair start where the tokens of the prompt differ from either of them.
    """
    texts = split_texts(example)
    rendered = [render_example(text, tokenizer, text_train_on(text, example, train_on)) for text in texts]
    rows = zip(texts, rendered, tokenize_texts(rendered, tokenizer), strict=True)
    return align_pair(to_encoded(text.line, r, ids, spans, max_len) for text, r, (ids, spans) in rows)


def text_train_on(text: Example, example: Example, train_on: str) -> str:
    """`train_on` for one of the texts that split_texts() makes of an example."""
    return train_on if text is example else "answers"


def to_encoded(
    line: int, text: RenderedText | PlannedText, ids: Sequence[int], spans: Iterable[Span], max_len: int
) -> Encoded:
    """A rendered text from its token ids and the learned spans of them, cut at `max_len` tokens."""
    mask = np.zeros(len(ids), dtype=np.int8)
    for start, end in spans:
        mask[start:end] = 1
    mask[:1] = 0
    cut = max(0, len(ids) - max_len)
    note = note_of_cut(text.note, mask, max_len) if cut else text.note
    return Encoded(line, np.array(ids[:max_len], dtype=np.int32), mask[:max_len], cut, note)


def note_of_cut(note: str, mask: NDArray[Any], max_len: int) -> str:
    """The note of a text with this mask that is cut at `max_len` tokens, which had `note` before."""
    if mask.any() and not mask[:max_len].any():
        return note or say("The answer starts behind the maximum length.")
    return note


def align_pair(texts: Iterable[Encoded]) -> tuple[Encoded, ...]:
    """The texts of one example, with both answers of a pair learned from the same token on."""
    row = tuple(texts)
    if len(row) == 2 and row[0].mask.any() and row[1].mask.any():
        starts = [int(text.mask.argmax()) for text in row]
        for text in row:
            text.mask[min(starts) : max(starts)] = 1
    return row


def split_texts(example: Example) -> tuple[Example, ...]:
    """The texts that the model sees of an example, each as an example of its own: of a preference pair two, of anything
    else one.

    Where one answer is judged (PAIRS and UNPAIRED), earlier answers are context and not learned.
    """
    if example.chosen is not None and example.rejected is not None:
        return tuple(_with_answer(example, answer) for answer in (example.chosen, example.rejected))
    if example.label is not None and example.messages is not None:
        *context, answer = example.messages
        return (replace(example, messages=(*_as_context(context), answer), label=None),)
    return (example,)


def encode_prompt(example: Example, tokenizer: Any) -> EncodedPrompt | None:
    """An example up to its last answer, as tokens that end with the generation prompt; None for plain text.

    An answer that is marked bad is not what is expected.
    """
    prompt = _encode_prompt(example, tokenizer)
    return replace(prompt, expected="") if prompt and example.label is False else prompt


def _encode_prompt(example: Example, tokenizer: Any) -> EncodedPrompt | None:
    if example.messages is None:
        if example.prompt is None:
            return None
        ids = _token_ids(Example(example.line, prompt=example.prompt), tokenizer)
        return EncodedPrompt(ids, example.prompt, example.completion or example.answer or _answer_text(example.chosen))
    messages, expected = example.messages, example.answer or _answer_text(example.chosen)
    if example.answer is None and messages[-1]["role"] == "assistant":
        messages, expected = messages[:-1], messages[-1]["content"]
    if not messages:
        return None
    ids = _token_ids(Example(example.line, messages=messages, tools=example.tools), tokenizer)
    return EncodedPrompt(ids, messages[-1]["content"], expected) if ids else None


def _token_ids(prompt: Example, tokenizer: Any) -> tuple[int, ...]:
    ((ids, _),) = tokenize_texts((render_example(prompt, tokenizer, "answers"),), tokenizer)
    return tuple(ids)


def _with_answer(example: Example, answer: tuple[Message, ...] | str) -> Example:
    """A pair's prompt with one of its answers."""
    if isinstance(answer, str):
        return Example(example.line, prompt=example.prompt, completion=answer)
    return Example(example.line, messages=(*_as_context(example.messages or ()), *answer), tools=example.tools)


def _as_context(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages, marked as not to be learned."""
    return tuple({**m, "weight": 0} for m in messages)


def _answer_text(answer: tuple[Message, ...] | str | None) -> str:
    return str(answer[-1]["content"]) if isinstance(answer, tuple) else answer or ""
