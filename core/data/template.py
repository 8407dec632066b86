"""An example as the tokens the model sees, and which of them it learns."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data import turns
from core.data.example import Example, Message
from core.data.render import TemplateRefused, render, suited


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


Span = tuple[int, int]  # from the first token to behind the last
_NO_TEMPLATE = "The model has no chat template: conversations are written as plain text, parted by blank lines."


def encode(example: Example, tokenizer: Any, *, train_on: str, max_len: int) -> Encoded:
    """The row as tokens and mask, at most `max_len` of them.

    train_on is "answers" (every answer of a conversation), "last" (the last one) or "all". Plain text is
    always learned whole, a question without an answer not at all. A conversation goes through the model's
    chat template; a model without one gets plain text instead, which the note says. A row that cannot be
    masked for sure comes back with no learned token and a note. As TRL: one beginning and one end of text,
    and the completion starts where the tokens of prompt and full text part.

    Pairs have two texts; see encode_all().
    """
    ids, learned, note = _written(example, tokenizer, train_on)
    mask = np.zeros(len(ids), dtype=np.int8)
    for start, end in learned:
        mask[start:end] = 1
    mask[:1] = 0
    cut = max(0, len(ids) - max_len)
    if cut and mask.any() and not mask[:max_len].any():
        note = note or "The answer starts behind the maximum length."
    return Encoded(example.line, np.array(ids[:max_len], dtype=np.int32), mask[:max_len], cut, note)


def encode_all(example: Example, tokenizer: Any, *, train_on: str, max_len: int) -> tuple[Encoded, ...]:
    """Every text of a row: one, or of a pair the better and the worse answer, each behind the same prompt.

    As TRL, both answers of a pair start where the tokens of the prompt part from either of them.
    """
    made = tuple(
        encode(text, tokenizer, train_on=train_on if text is example else "answers", max_len=max_len)
        for text in texts(example)
    )
    if len(made) == 2 and made[0].mask.any() and made[1].mask.any():
        starts = [int(row.mask.argmax()) for row in made]
        for row in made:
            row.mask[min(starts) : max(starts)] = 1
    return made


def texts(example: Example) -> tuple[Example, ...]:
    """What the model sees of a row, as examples for encode(): of a pair two, of anything else one.

    Where one answer is judged (pairs and thumbs), earlier answers are context and not learned.
    """
    if example.chosen is not None and example.rejected is not None:
        return tuple(_with_answer(example, answer) for answer in (example.chosen, example.rejected))
    if example.label is not None and example.messages is not None:
        *before, answer = example.messages
        return (replace(example, messages=(*_as_context(before), answer), label=None),)
    return (example,)


def ask(example: Example, tokenizer: Any) -> Question | None:
    """The row up to its last answer, ready for the model to go on; None for plain text."""
    if example.messages is None:
        if example.prompt is None:
            return None
        ids = _unclosed(_raw_ids(tokenizer, example.prompt), tokenizer)
        return Question(tuple(ids), example.prompt, example.completion or example.answer or _said(example.chosen))
    asked, expected = example.messages, example.answer or _said(example.chosen)
    if example.answer is None and asked[-1]["role"] == "assistant":
        asked, expected = asked[:-1], asked[-1]["content"]
    if not asked:
        return None
    question = Example(example.line, messages=asked, tools=example.tools)
    ids, _, _ = _written(question, tokenizer, "answers")
    return Question(tuple(ids), asked[-1]["content"], expected) if ids else None


def _written(example: Example, tokenizer: Any, train_on: str) -> tuple[list[int], list[Span], str]:
    """(token ids, learned spans of them, note) of a row."""
    if example.messages is not None and tokenizer.chat_template:
        return _chat(example.messages, example, tokenizer, train_on)
    if example.text is not None:
        ids = _raw_ids(tokenizer, _closed(example.text, tokenizer))
        return ids, [(0, len(ids))], ""
    prompt, completion, note = _as_text(example)
    if completion is None:
        return _unclosed(_raw_ids(tokenizer, prompt), tokenizer), [], note
    ids = _raw_ids(tokenizer, _closed(prompt + completion, tokenizer))
    start = 0 if train_on == "all" else _common(_raw_ids(tokenizer, prompt), ids)
    return ids, [(start, len(ids))], note


def _chat(
    messages: tuple[Message, ...], example: Example, tokenizer: Any, train_on: str
) -> tuple[list[int], list[Span], str]:
    """The same for a conversation. One that ends with a question is only asked."""
    asking = messages[-1]["role"] != "assistant"
    try:
        messages, full, note = suited(messages, example.tools, tokenizer, asking)
    except TemplateRefused as error:
        return [], [], f"The chat template refuses this row: {error}."
    end = "" if asking or _closes(tokenizer, str(tokenizer.chat_template)) else tokenizer.eos_token or ""
    if end:
        note = note or f"The chat template writes nothing behind an answer; {end} was added, to learn to stop."
    ids, offsets = _ids(tokenizer, full + end)
    if asking or train_on == "all":
        return ids, [] if asking else [(0, len(ids))], note

    def write(part: Sequence[Message], asking: bool) -> str:
        return render(part, example.tools, tokenizer, asking)

    answers = [n for n, m in enumerate(messages) if m["role"] == "assistant" and m.get("weight", 1)]
    learned = []
    for number in answers[-1:] if train_on == "last" else answers:
        try:
            turn = turns.find(messages, number, full, write, tokenizer.eos_token or "")
        except TemplateRefused as error:
            turn, note = None, note or f"The chat template refuses a part of this row: {error}."
        if turn is None:
            note = note or "An answer cannot be found in what the chat template writes; it is not learned."
            continue
        note = note or turn.note
        if turn.end == len(full):
            turn = replace(turn, end=len(full + end))
        learned.append(_span(tokenizer, ids, offsets, turn))
    return ids, learned, note


def _span(tokenizer: Any, ids: list[int], offsets: list[Span], turn: turns.Turn) -> Span:
    """The tokens of an answer. A token across its start belongs to it, one across its end too."""
    if turn.prompt:
        start = _common(_ids(tokenizer, turn.prompt)[0], ids)
    else:
        start = next((n for n, (_, end) in enumerate(offsets) if end > turn.start), len(ids))
    end = next((n for n in range(start, len(ids)) if offsets[n][0] >= turn.end), len(ids))
    return start, end


@functools.lru_cache(maxsize=4)
def _closes(tokenizer: Any, template: str) -> bool:
    """Whether the chat template writes anything behind an answer. `template` only tells the cache when it changes."""
    probe = ({"role": "user", "content": "?"}, {"role": "assistant", "content": turns.MARK})
    try:
        return bool(render(probe, (), tokenizer, False).rpartition(turns.MARK)[2].strip())
    except TemplateRefused:
        return True


def _with_answer(example: Example, answer: tuple[Message, ...] | str) -> Example:
    """A pair's prompt with one of its answers."""
    if isinstance(answer, str):
        return Example(example.line, prompt=example.prompt, completion=answer)
    return Example(example.line, messages=(*_as_context(example.messages or ()), *answer), tools=example.tools)


def _as_context(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple({**m, "weight": 0} for m in messages)


def _said(answer: tuple[Message, ...] | str | None) -> str:
    return str(answer[-1]["content"]) if isinstance(answer, tuple) else answer or ""


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


def _ids(tokenizer: Any, text: str) -> tuple[list[int], list[Span]]:
    """(ids, characters [start, end) of each) of text that carries its special tokens itself."""
    made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return made["input_ids"], made["offset_mapping"]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading tokens two rows share."""
    for n, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return n
    return min(len(one), len(other))
