"""Many examples as tokens, on all processor cores: the same numbers as encode_example()."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

from core.data.format.example import Example
from core.data.tokenize.encode import Encoded, align_pair, split_texts, text_train_on, to_encoded
from core.data.tokenize.planned_spans import Ids, Span
from core.data.tokenize.rendered_text import RenderedText
from core.data.tokenize.row_plans import PlannedText
from core.data.tokenize.row_writer import RowWriter
from core.data.tokenize.store_builder import TokenizedText, make_block
from core.data.tokenize.token_store import TokenStore
from core.data.tokenize.tokens import tokenize_texts

TEXTS_AT_ONCE = 2000  # texts tokenized at once: enough for all processor cores, little enough to show progress

Progress = Callable[[int, int], None]  # (examples done, of how many)


class Cancelled(Exception):
    """Raised when the caller's `cancelled` returns true; it is asked every TEXTS_AT_ONCE texts."""


def encode_examples(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[tuple[Encoded, ...]]:
    """encode_example() for each example, in their order. Raises Cancelled."""
    options: dict[str, Any] = {"train_on": train_on, "max_len": max_len}
    return list(iterate_encoded(examples, tokenizer, **options, progress=progress, cancelled=cancelled))


def iterate_encoded(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[tuple[Encoded, ...]]:
    """encode_examples() one by one, so that not all rows need be in memory. Raises Cancelled."""
    count = 0
    for slab in _encode_slabs(examples, tokenizer, train_on):
        yield from slab.encode(max_len)
        count += len(slab.lines)
        if progress:
            progress(count, len(examples))
        if cancelled and cancelled():
            raise Cancelled


def iterate_blocks(
    examples: Iterable[Example], tokenizer: Any, *, train_on: str, max_len: int, cancelled: Callable[[], bool]
) -> Iterator[TokenStore]:
    """The texts of encode_examples() in blocks of a few thousand, each as soon as its examples are there. Raises
    Cancelled."""
    for slab in _encode_slabs(examples, tokenizer, train_on):
        yield slab.block(max_len)
        if cancelled():
            raise Cancelled


@dataclass(frozen=True)
class _Slab:
    """Some examples while they are tokenized."""

    lines: list[int]  # of each example
    rendered: list[list[RenderedText | PlannedText]]  # of each example its texts
    tokens: Future[list[tuple[Ids, list[Span]]]]  # of each text

    def encode(self, max_len: int) -> list[tuple[Encoded, ...]]:
        tokens = iter(self.tokens.result())
        return [
            align_pair(to_encoded(line, text, *next(tokens), max_len) for text in texts)
            for line, texts in zip(self.lines, self.rendered, strict=True)
        ]

    def block(self, max_len: int) -> TokenStore:
        """The same texts as a store."""
        tokens = iter(self.tokens.result())
        texts, pairs = list[TokenizedText](), list[int]()
        for line, own in zip(self.lines, self.rendered, strict=True):
            if len(own) == 2:
                pairs.append(len(texts))
            texts += [TokenizedText(line, text.note, *next(tokens)) for text in own]
        return make_block(texts, pairs, max_len)


def _encode_slabs(examples: Iterable[Example], tokenizer: Any, train_on: str) -> Iterator[_Slab]:
    """The examples as slabs, each when it is tokenized or nearly so. One slab is read and rendered while the one before
    it is tokenized, which needs no Python."""
    writer = RowWriter(tokenizer)
    with ThreadPoolExecutor(1, "tokenize") as worker:
        previous: _Slab | None = None
        for slab in _slabs(examples):
            rendered = [
                [writer.write(text, text_train_on(text, example, train_on)) for text in texts]
                for example, texts in slab
            ]
            tokens = worker.submit(tokenize_texts, list(chain.from_iterable(rendered)), tokenizer)
            current = _Slab([example.line for example, _ in slab], rendered, tokens)
            if previous:
                yield previous
            previous = current
        if previous:
            yield previous


def _slabs(examples: Iterable[Example]) -> Iterator[list[tuple[Example, tuple[Example, ...]]]]:
    """(example, its texts) in groups of about TEXTS_AT_ONCE texts."""
    slab: list[tuple[Example, tuple[Example, ...]]] = []
    count = 0
    for example in examples:
        texts = split_texts(example)
        slab.append((example, texts))
        count += len(texts)
        if count >= TEXTS_AT_ONCE:
            yield slab
            slab, count = [], 0
    if slab:
        yield slab
