"""Written rows as tokens, many at a time: fast tokenizers work on all processor cores when given many texts."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.tokenize.rendered_text import LearnedSpan, RenderedText

Span = tuple[int, int]  # from the first token to behind the last
Ids = list[int]


def tokenize_texts(rows: Sequence[RenderedText], tokenizer: Any) -> list[tuple[Ids, list[Span]]]:
    """(token ids, learned spans of them) of each row."""
    raw = _raw([row.text for row in rows if row.raw], tokenizer)
    marked = iter(_marked([row.text for row in rows if not row.raw], tokenizer))
    texts = [_Text(raw[row.text]) if row.raw else next(marked) for row in rows]
    starts = _starts(rows, texts, tokenizer)
    made = []
    for row, text in zip(rows, texts, strict=True):
        spans = [_span(stretch, row, text, starts) for stretch in row.learned]
        made.append((_unclosed(text.ids, tokenizer) if row.unclosed else text.ids, spans))
    return made


@dataclass(frozen=True)
class _Text:
    """A text's tokens. `encoding` knows their characters; raw text is never asked for them."""

    ids: Ids
    encoding: Any = None

    def first(self, behind: int, *, end: bool) -> int:
        """The first token that starts (or ends, with `end`) at or behind a character."""
        low, high = 0, len(self.ids)
        while low < high:
            middle = (low + high) // 2
            if self.encoding.token_to_chars(middle)[end] >= behind:
                high = middle
            else:
                low = middle + 1
        return low


def _span(stretch: LearnedSpan, row: RenderedText, text: _Text, starts: Iterator[int]) -> Span:
    """The tokens of what is learned. A token across its start belongs to it, one across its end too."""
    if stretch.prompt is not None:
        start = next(starts)
    else:
        start = text.first(stretch.start + 1, end=True) if stretch.start else 0
    whole = stretch.end == len(row.text)
    return start, len(text.ids) if whole else max(start, text.first(stretch.end, end=False))


def _starts(rows: Sequence[RenderedText], texts: Sequence[_Text], tokenizer: Any) -> Iterator[int]:
    """For each stretch with a prompt, in order: how many leading tokens the prompt and the whole text share.

    Written conversations are compared from the prompt's last special token on: what stands before such a token
    has no influence on what comes after. These ends are short and mostly the same, such as "<|im_start|>assistant".
    """
    parting = _parting(tokenizer, len(tokenizer))
    asked = [
        (row, text, s.prompt)
        for row, text in zip(rows, texts, strict=True)
        for s in row.learned
        if s.prompt is not None
    ]
    whole = _raw((prompt for row, _, prompt in asked if row.raw), tokenizer)
    places = [(0, 0) if row.raw else _last(text, len(prompt), parting) for row, text, prompt in asked]
    ends = [prompt[place[1] :] for (row, _, prompt), place in zip(asked, places, strict=True)]
    different = list(dict.fromkeys(end for (row, _, _), end in zip(asked, ends, strict=True) if not row.raw))
    short = {end: made.ids for end, made in zip(different, _marked(different, tokenizer), strict=True)}
    for (row, text, _), (number, _), end in zip(asked, places, ends, strict=True):
        yield number + common_prefix_length((whole if row.raw else short)[end], text.ids[number:])


def _last(text: _Text, end: int, parting: frozenset[int]) -> tuple[int, int]:
    """(number, first character) of the last special token before the character `end`; (0, 0) without one."""
    for n in range(text.first(end + 1, end=True) - 1, -1, -1):
        if text.ids[n] in parting:
            start: int = text.encoding.token_to_chars(n)[0]
            return n, start
    return 0, 0


@functools.lru_cache(maxsize=4)
def _parting(tokenizer: Any, size: int) -> frozenset[int]:
    """Tokens that part the text, so that both sides are tokenized by themselves. `size` only tells the cache when
    tokens were added."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(id for id, t in added if t.special and not (t.normalized or t.lstrip or t.single_word))


def _raw(texts: Iterable[str], tokenizer: Any) -> dict[str, Ids]:
    """Tokens of raw texts, with what the tokenizer itself puts around them, but never two beginnings or two ends."""
    different = list(dict.fromkeys(texts))
    if not different:
        return {}
    made = tokenizer(different, return_attention_mask=False, return_token_type_ids=False, verbose=False)
    return {text: _single(ids, tokenizer) for text, ids in zip(different, made["input_ids"], strict=True)}


def _single(ids: Ids, tokenizer: Any) -> Ids:
    if len(ids) > 1 and ids[0] == ids[1] == tokenizer.bos_token_id:
        ids = ids[1:]
    if len(ids) > 1 and ids[-1] == ids[-2] == tokenizer.eos_token_id:
        ids = ids[:-1]
    return ids


def _unclosed(ids: Ids, tokenizer: Any) -> Ids:
    """Without the end of text that some tokenizers put behind everything."""
    return ids[:-1] if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id else ids


def _marked(texts: list[str], tokenizer: Any) -> list[_Text]:
    """Tokens of texts that carry their special tokens themselves."""
    if not texts:
        return []
    made = tokenizer(
        texts,
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return [_Text(ids, encoding) for ids, encoding in zip(made["input_ids"], made.encodings, strict=True)]


def common_prefix_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading tokens two rows share."""
    for n, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return n
    return min(len(one), len(other))
