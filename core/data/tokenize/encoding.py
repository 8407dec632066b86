"""Many rows as tokens, on all processor cores: the same numbers as encode()."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from core.data.format.example import Example
from core.data.tokenize.encode import Encoded, align_pair, split_texts, to_encoded
from core.data.tokenize.rendered_text import RenderedText, render_example
from core.data.tokenize.tokens import Ids, Span, tokenize_texts

TEXTS_AT_ONCE = 2000  # texts tokenized at once: enough for all processor cores, little enough to show progress

Progress = Callable[[int, int], None]  # (rows done, of how many)


class Cancelled(Exception):
    """Raised when the caller's `cancelled` says so, between two slabs of rows."""


def encode_examples(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Encoded]:
    """encode() for each example, in their order. Raises Cancelled."""
    options: dict[str, Any] = {"train_on": train_on, "max_len": max_len}
    return list(each_row(examples, tokenizer, **options, progress=progress, cancelled=cancelled))


def each_row(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Encoded]:
    """The same, one after the other, so that not all of them need be in memory."""
    done = 0
    for slab in slabs(((e, train_on) for e in examples), tokenizer, max_len):
        yield from slab
        done += len(slab)
        if progress:
            progress(done, len(examples))
        if cancelled and cancelled():
            raise Cancelled


def encode_examples(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[tuple[Encoded, ...]]:
    """encode_all() for each example, in their order. Raises Cancelled."""
    options: dict[str, Any] = {"train_on": train_on, "max_len": max_len}
    return list(each_rows_texts(examples, tokenizer, **options, progress=progress, cancelled=cancelled))


def each_rows_texts(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[tuple[Encoded, ...]]:
    """The same, one after the other, so that not all of them need be in memory."""
    for start in range(0, len(examples), TEXTS_AT_ONCE):
        parts = [split_texts(e) for e in examples[start : start + TEXTS_AT_ONCE]]
        asked = [
            (text, train_on if text is e else "answers")
            for e, part in zip(examples[start:], parts, strict=False)
            for text in part
        ]
        rows = (row for slab in slabs(asked, tokenizer, max_len) for row in slab)
        yield from (align_pair(islice(rows, len(part))) for part in parts)
        if progress:
            progress(min(start + TEXTS_AT_ONCE, len(examples)), len(examples))
        if cancelled and cancelled():
            raise Cancelled


def slabs(rows: Iterable[tuple[Example, str]], tokenizer: Any, max_len: int) -> Iterator[list[Encoded]]:
    """(example, train_on) encoded, SLAB after SLAB. One slab is written out while the one before it is tokenized,
    which needs no Python."""
    with ThreadPoolExecutor(1, "tokenize") as worker:
        before = None
        left = iter(rows)
        while slab := list(islice(left, TEXTS_AT_ONCE)):
            lines = [example.line for example, _ in slab]
            written = [render_example(example, tokenizer, train_on) for example, train_on in slab]
            now = lines, written, worker.submit(tokenize_texts, written, tokenizer)
            if before:
                yield _slab(before[0], before[1], before[2].result(), max_len)
            before = now
        if before:
            yield _slab(before[0], before[1], before[2].result(), max_len)


def _slab(
    lines: list[int], written: list[RenderedText], tokens: list[tuple[Ids, list[Span]]], max_len: int
) -> list[Encoded]:
    return [
        to_encoded(line, w, ids, learned, max_len)
        for line, w, (ids, learned) in zip(lines, written, tokens, strict=True)
    ]
