"""Many rows at once give the same numbers as one by one, and as tokenizing everything in full."""

from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from core.data.format.example import Example
from core.data.tokenize import encoding, tokens
from core.data.tokenize.encode import Encoded, encode_example
from core.data.tokenize.encoding import Cancelled, encode_examples, iterate_encoded
from core.data.tokenize.rendered_text import RenderedText, render_example
from core.data.tokenize.templates import CHAT_TEMPLATES
from tests.core.data.conftest import CHATML, make_tokenizer
from tests.core.data.preview.test_inspect import KINDS
from tests.core.data.tokenize.test_encode import (
    ENDS_ONCE,
    INJECTS,
    OPENS,
    RETURNS,
    SEALS,
    THINKS,
    TRIMS,
    UNCLOSED,
    chat,
)

TEMPLATES = {
    "none": None,
    "chatml": CHATML,
    "trims": TRIMS,
    "injects": INJECTS,
    "ends once": ENDS_ONCE,
    "drops thinking": THINKS,
    "opens thinking": OPENS,
    "returns": RETURNS,
    "seals": SEALS,
    "unclosed": UNCLOSED,
    "refuses": "{{ raise_exception('No.') }}",
    **{name: choice.text for name, choice in CHAT_TEMPLATES.items()},
}
ROWS = [
    *KINDS.values(),
    chat("a", "<think>one</think>b", "c", "<think>two</think> d "),
    chat("Hi ☃", "é", "x", "x", system="Be brief."),
    chat("a", "", "c"),
    Example(9, text="plain <|im_start|> text"),
    Example(10, prompt="", completion="b</s>"),
]


def metaspace() -> Any:
    """A tokenizer that melts letters and puts "▁" in front of the text alone, as those of Llama 2 do."""
    letters = sorted(set("▁abcdefghijklmnopqrstuvwxyz<>|_\nHBAUSTé☃:./"))
    merges = [("▁", "a"), ("a", "n"), ("\n", "b"), ("\n", "Y"), ("u", "s"), ("us", "e")]
    vocabulary = {c: n for n, c in enumerate([*letters, "Y", "?", *(a + b for a, b in merges)])}
    word_tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="?"))
    word_tokenizer.normalizer = normalizers.NFC()
    word_tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    word_tokenizer.add_special_tokens(["<s>", "</s>", "<|im_start|>", "<|im_end|>"])
    return PreTrainedTokenizerFast(tokenizer_object=word_tokenizer, bos_token="<s>", eos_token="</s>")


def same_encoding(first: Encoded, second: Encoded) -> bool:
    return (
        np.array_equal(first.tokens, second.tokens)
        and np.array_equal(first.mask, second.mask)
        and (first.line, first.cut, first.note) == (second.line, second.cut, second.note)
    )


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("make", [make_tokenizer, metaspace], ids=["bytes", "metaspace"])
@pytest.mark.parametrize(("train_on", "max_len"), [("answers", 999), ("last", 20), ("all", 999)])
def test_rows_at_once_are_those_one_by_one(
    monkeypatch: pytest.MonkeyPatch, template: str, make: Any, train_on: str, max_len: int
) -> None:
    monkeypatch.setattr(encoding, "TEXTS_AT_ONCE", 4)
    tokenizer = make()
    tokenizer.chat_template = TEMPLATES[template]
    options: dict[str, Any] = {"train_on": train_on, "max_len": max_len}
    pairs = encode_examples(ROWS, tokenizer, **options)
    assert len(pairs) == len(ROWS)
    for row, texts in zip(ROWS, pairs, strict=True):
        alone = encode_example(row, tokenizer, **options)
        assert len(texts) == len(alone)
        assert all(same_encoding(a, b) for a, b in zip(texts, alone, strict=True))
    single = [row for row in ROWS if row.chosen is None]
    rows = encode_examples(single, tokenizer, **options)
    assert all(
        same_encoding(a, encode_example(row, tokenizer, **options)[0]) for (a,), row in zip(rows, single, strict=True)
    )


def in_full(text: RenderedText, tokenizer: Any) -> tuple[list[int], list[tuple[int, int]]]:
    """What the short ways must come to: every prompt tokenized from its first character on."""
    batch = tokenizer(text.text, add_special_tokens=False, return_offsets_mapping=True)
    ids, spans = batch["input_ids"], []
    for s in text.spans:
        start = next((n for n, (_, end) in enumerate(batch["offset_mapping"]) if end > s.start), len(ids))
        if s.prompt is not None:
            start = tokens.common_prefix_length(tokenizer(s.prompt, add_special_tokens=False)["input_ids"], ids)
        end = next((n for n in range(start, len(ids)) if batch["offset_mapping"][n][0] >= s.end), len(ids))
        spans.append((start, end))
    return ids, spans


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name != "none"])
@pytest.mark.parametrize("make", [make_tokenizer, metaspace], ids=["bytes", "metaspace"])
def test_the_short_way_to_an_answers_start_is_the_long_one(template: str, make: Any) -> None:
    tokenizer = make()
    tokenizer.chat_template = TEMPLATES[template]
    texts = [render_example(row, tokenizer, "answers") for row in ROWS if row.messages is not None]
    assert tokens.tokenize_texts(texts, tokenizer) == [in_full(text, tokenizer) for text in texts]


@pytest.mark.parametrize(
    "text", ["plain", "two\nlines  and   spaces ", "Grüße, 你好 👋🏽", "a <|im_end|> of its own", "é"]
)
def test_tokens_are_the_same_without_the_places_of_characters(tokenizer: Any, text: str) -> None:
    for add_special_tokens in (False, True):
        both = [
            tokens.encode_batch([text], tokenizer, add_special_tokens=add_special_tokens, places=places)[0].ids
            for places in (True, False)
        ]
        assert both[0] == both[1] and both[0]


def test_progress_is_told_and_work_can_be_cancelled(monkeypatch: pytest.MonkeyPatch, tokenizer: Any) -> None:
    monkeypatch.setattr(encoding, "TEXTS_AT_ONCE", 2)
    reports: list[tuple[int, int]] = []
    rows = [chat("a", "b")] * 5
    options: dict[str, Any] = {"train_on": "answers", "max_len": 99, "progress": lambda *counts: reports.append(counts)}
    for run in (encode_examples, lambda *args, **kwargs: list(iterate_encoded(*args, **kwargs))):
        reports.clear()
        run(rows, tokenizer, **options)
        assert reports == [(2, 5), (4, 5), (5, 5)]
        with pytest.raises(Cancelled):
            run(rows, tokenizer, **options, cancelled=lambda: True)
        assert reports[3:] == [(2, 5)]
    assert encode_examples([], tokenizer, train_on="answers", max_len=9) == []
