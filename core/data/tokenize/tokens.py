"""Rendered texts as tokens, many at a time: fast tokenizers work on all processor cores when given many texts."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.tokenize.rendered_text import LearnedSpan, RenderedText

Span = tuple[int, int]  # the first token, and the one behind the last
Ids = list[int]


def tokenize_texts(texts: Sequence[RenderedText], tokenizer: Any) -> list[tuple[Ids, list[Span]]]:
    """(token ids, learned spans of them) of each text."""
    raw = _tokenize_raw([text.text for text in texts if text.raw], tokenizer)
    rendered = iter(_tokenize_rendered([text.text for text in texts if not text.raw], tokenizer))
    tokenized = [_Tokenized(raw[text.text]) if text.raw else next(rendered) for text in texts]
    starts = _answer_starts(texts, tokenized, tokenizer)
    rows = []
    for text, tokens in zip(texts, tokenized, strict=True):
        spans = [_token_span(span, text, tokens, starts) for span in text.spans]
        rows.append((_without_eos(tokens.ids, tokenizer) if text.open_ended else tokens.ids, spans))
    return rows


def common_prefix_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many leading tokens two sequences share."""
    for n, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return n
    return min(len(first), len(second))


@dataclass(frozen=True)
class _Tokenized:
    """A text's tokens. `encoding`, of the tokenizers library, maps them to characters; raw text does without."""

    ids: Ids
    encoding: Any = None

    def first_token(self, character: int, *, end: bool) -> int:
        """The first token that starts (or ends, with `end`) at or behind a character."""
        guess = self.encoding.char_to_token(character - end) if character >= end else None
        if guess is not None:  # the token that begins there, or that ends there or behind; nearly always the one
            place = self.encoding.token_to_chars
            if place(guess)[end] >= character and (not guess or place(guess - 1)[end] < character):
                return int(guess)
        low, high = 0, len(self.ids)
        while low < high:
            middle = (low + high) // 2
            if self.encoding.token_to_chars(middle)[end] >= character:
                high = middle
            else:
                low = middle + 1
        return low


def _token_span(span: LearnedSpan, text: RenderedText, tokens: _Tokenized, starts: Iterator[int]) -> Span:
    """The tokens of a learned span. A token across its start belongs to it, one across its end too."""
    if span.prompt is not None:
        start = next(starts)
    else:
        start = tokens.first_token(span.start + 1, end=True) if span.start else 0
    to_end = span.end == len(text.text)
    return start, len(tokens.ids) if to_end else max(start, tokens.first_token(span.end, end=False))


def _answer_starts(texts: Sequence[RenderedText], tokenized: Sequence[_Tokenized], tokenizer: Any) -> Iterator[int]:
    """For each learned span with a prompt, in order: how many leading tokens the prompt and the whole text share.

    Rendered conversations are compared from the prompt's last special token on: what stands before such a token
    has no influence on what comes after. These ends are short and mostly the same, such as "<|im_start|>assistant".
    """
    separators = _separator_ids(tokenizer, len(tokenizer))
    prompts = [
        (text, tokens, span.prompt)
        for text, tokens in zip(texts, tokenized, strict=True)
        for span in text.spans
        if span.prompt is not None
    ]
    raw_ids = _tokenize_raw((prompt for text, _, prompt in prompts if text.raw), tokenizer)
    places = [
        (0, 0) if text.raw else _last_separator(tokens, len(prompt), separators) for text, tokens, prompt in prompts
    ]
    ends = [prompt[place[1] :] for (_, _, prompt), place in zip(prompts, places, strict=True)]
    unique_ends = list(dict.fromkeys(end for (text, _, _), end in zip(prompts, ends, strict=True) if not text.raw))
    end_tokens = zip(unique_ends, _tokenize_rendered(unique_ends, tokenizer), strict=True)
    end_ids = {end: tokens.ids for end, tokens in end_tokens}
    for (text, tokens, _), (number, _), end in zip(prompts, places, ends, strict=True):
        yield number + common_prefix_length((raw_ids if text.raw else end_ids)[end], tokens.ids[number:])


def _last_separator(tokens: _Tokenized, end: int, separators: frozenset[int]) -> tuple[int, int]:
    """(number, first character) of the last separator token before the character `end`; (0, 0) without one."""
    for n in range(tokens.first_token(end + 1, end=True) - 1, -1, -1):
        if tokens.ids[n] in separators:
            start: int = tokens.encoding.token_to_chars(n)[0]
            return n, start
    return 0, 0


@functools.lru_cache(maxsize=4)
def _separator_ids(tokenizer: Any, size: int) -> frozenset[int]:
    """Tokens that separate the text, so that both sides are tokenized independently. `size` is part of the cache's key
    alone: it changes when tokens are added."""
    added_tokens = tokenizer.added_tokens_decoder.items()
    return frozenset(id for id, t in added_tokens if t.special and not (t.normalized or t.lstrip or t.single_word))


def _tokenize_raw(texts: Iterable[str], tokenizer: Any) -> dict[str, Ids]:
    """Tokens of raw texts, with the special tokens that the tokenizer adds, but never two beginnings or two ends."""
    unique = list(dict.fromkeys(texts))
    if not unique:
        return {}
    batch = tokenizer(unique, return_attention_mask=False, return_token_type_ids=False, verbose=False)
    return {text: _without_doubles(ids, tokenizer) for text, ids in zip(unique, batch["input_ids"], strict=True)}


def _without_doubles(ids: Ids, tokenizer: Any) -> Ids:
    if len(ids) > 1 and ids[0] == ids[1] == tokenizer.bos_token_id:
        ids = ids[1:]
    if len(ids) > 1 and ids[-1] == ids[-2] == tokenizer.eos_token_id:
        ids = ids[:-1]
    return ids


def _without_eos(ids: Ids, tokenizer: Any) -> Ids:
    """The tokens without the end of text that some tokenizers put behind everything."""
    return ids[:-1] if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id else ids


def _tokenize_rendered(texts: list[str], tokenizer: Any) -> list[_Tokenized]:
    """Tokens of texts that hold their special tokens already."""
    if not texts:
        return []
    batch = tokenizer(
        texts,
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return [_Tokenized(ids, encoding) for ids, encoding in zip(batch["input_ids"], batch.encodings, strict=True)]
