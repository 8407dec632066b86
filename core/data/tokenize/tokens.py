"""Rendered texts as tokens, many at a time: fast tokenizers work on all processor cores when given many texts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.tokenize.planned_spans import Ids, Span, common_prefix_length, find_planned_spans
from core.data.tokenize.rendered_text import LearnedSpan, RenderedText
from core.data.tokenize.row_plans import PlannedText
from core.data.tokenize.separators import separator_ids


def tokenize_texts(texts: Sequence[RenderedText | PlannedText], tokenizer: Any) -> list[tuple[Ids, list[Span]]]:
    """(token ids, learned spans of them) of each text."""
    rows = _planned_rows(texts, tokenizer)
    others = [n for n in range(len(texts)) if n not in rows]
    rows |= zip(others, _find_spans([texts[n] for n in others], tokenizer), strict=True)
    return [rows[n] for n in range(len(texts))]


def _planned_rows(texts: Sequence[RenderedText | PlannedText], tokenizer: Any) -> dict[int, tuple[Ids, list[Span]]]:
    """(token ids, learned spans of them) by number, of the texts whose spans follow from how they were written."""
    planned = [(n, text) for n, text in enumerate(texts) if isinstance(text, PlannedText)]
    if not planned:
        return {}
    ids = _tokenize_ids([text.text for _, text in planned], tokenizer)
    separators = separator_ids(tokenizer, len(tokenizer))
    found = find_planned_spans([text for _, text in planned], ids, separators, lambda t: _ids_of(t, tokenizer))
    return {n: (own, spans) for (n, _), own, spans in zip(planned, ids, found, strict=True) if spans is not None}


def _find_spans(texts: Sequence[RenderedText | PlannedText], tokenizer: Any) -> Iterator[tuple[Ids, list[Span]]]:
    """(token ids, learned spans of them) of each text, from the characters that are learned."""
    rendered = [text.rendered() if isinstance(text, PlannedText) else text for text in texts]
    raw = _tokenize_raw([text.text for text in rendered if text.raw], tokenizer)
    written = iter(_tokenize_rendered([text.text for text in rendered if not text.raw], tokenizer))
    tokens_of = [_Tokenized(raw[text.text]) if text.raw else next(written) for text in rendered]
    starts = _answer_starts(rendered, tokens_of, tokenizer)
    for text, tokens in zip(rendered, tokens_of, strict=True):
        spans = [_token_span(span, text, tokens, starts) for span in text.spans]
        yield _without_eos(tokens.ids, tokenizer) if text.open_ended else tokens.ids, spans


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
    separators = separator_ids(tokenizer, len(tokenizer))
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


def _tokenize_raw(texts: Iterable[str], tokenizer: Any) -> dict[str, Ids]:
    """Tokens of raw texts, with the special tokens that the tokenizer adds, but never two beginnings or two ends."""
    unique = list(dict.fromkeys(texts))
    encodings = encode_batch(unique, tokenizer, add_special_tokens=True)
    return {text: _without_doubles(e.ids, tokenizer) for text, e in zip(unique, encodings, strict=True)}


def _without_doubles(ids: Ids, tokenizer: Any) -> Ids:
    if len(ids) > 1 and ids[0] == ids[1] and ids[0] == tokenizer.bos_token_id:
        ids = ids[1:]
    if len(ids) > 1 and ids[-1] == ids[-2] and ids[-1] == tokenizer.eos_token_id:
        ids = ids[:-1]
    return ids


def _without_eos(ids: Ids, tokenizer: Any) -> Ids:
    """The tokens without the end of text that some tokenizers put behind everything."""
    return ids[:-1] if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id else ids


def _tokenize_rendered(texts: list[str], tokenizer: Any) -> list[_Tokenized]:
    """Tokens of texts that hold their special tokens already."""
    return [_Tokenized(e.ids, e) for e in encode_batch(texts, tokenizer, add_special_tokens=False)]


def _tokenize_ids(texts: list[str], tokenizer: Any) -> list[Ids]:
    """The same without the places of characters, which take the tokenizer a third of its time."""
    return [e.ids for e in encode_batch(texts, tokenizer, add_special_tokens=False, places=False)]


def _ids_of(text: str, tokenizer: Any) -> Ids:
    return _tokenize_ids([text], tokenizer)[0]


def encode_batch(texts: list[str], tokenizer: Any, *, add_special_tokens: bool, places: bool = True) -> list[Any]:
    """The texts as the tokenizer encodes them, each an Encoding of the tokenizers library; without `places` it does not
    say from which characters its tokens are.

    That library is asked itself: what transformers does with each encoding takes as long as the tokens of a short text.
    """
    from transformers import PreTrainedTokenizerFast

    if not texts:
        return []
    options = {"add_special_tokens": add_special_tokens}
    if type(tokenizer)._encode_plus is not PreTrainedTokenizerFast._encode_plus:  # it does something of its own
        return list(tokenizer(texts, **options, verbose=False).encodings)
    backend = tokenizer.backend_tokenizer
    if backend.truncation is not None or backend.padding is not None:
        backend.no_truncation()
        backend.no_padding()
    if backend.encode_special_tokens != tokenizer.split_special_tokens:
        backend.encode_special_tokens = tokenizer.split_special_tokens
    return list((backend.encode_batch if places else backend.encode_batch_fast)(texts, **options))
