"""Conversations written by the plan of their form have the text, the tokens and the mask of those sought one by one."""

import random
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken

from core.data.format.example import Example
from core.data.tokenize.encode import encode_example, split_texts
from core.data.tokenize.encoding import encode_examples, iterate_blocks
from core.data.tokenize.rendered_text import render_example
from core.data.tokenize.row_plans import PlannedText
from core.data.tokenize.row_writer import RowWriter
from core.data.tokenize.store_builder import GatheredTexts
from core.data.tokenize.token_store import TokenStore
from tests.core.data.conftest import CHATML, make_tokenizer
from tests.core.data.tokenize.test_encode import ENDS_ONCE, INJECTS, OPENS, THINKS, TRIMS

LLAMA = (
    "<s>{% for m in messages %}{{ '<|im_start|>' + m.role + '\n\n' + m.content | trim + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n\n' }}{% endif %}"
)
TEMPLATES = {"chatml": CHATML, "llama": LLAMA, "trims": TRIMS, "injects": INJECTS, "ends once": ENDS_ONCE,
             "opens thinking": OPENS, "drops thinking": THINKS}  # fmt: skip
WORDS = ("one", "two ", "\n", "é☃", "<|im_end|>", "<|im_start|>user\n", "</think>", "<think>x</think>", "assistant\n")


def text(rng: random.Random) -> str:
    words = WORDS if rng.random() < 0.3 else WORDS[:3]
    return " ".join(rng.choices(words, k=rng.randint(1, 4))) if rng.random() < 0.9 else rng.choice(["", " ", "\n x "])


def conversations(count: int) -> list[Example]:
    rng, made = random.Random(1), list[Example]()
    for line in range(1, count + 1):
        messages: list[Any] = [{"role": "system", "content": text(rng)}] * (rng.random() < 0.2)
        for _ in range(rng.choice((1, 1, 2, 3))):
            messages.append({"role": "user", "content": text(rng)})
            messages.append(
                {"role": "assistant", "content": text(rng), **({"weight": 0} if rng.random() < 0.1 else {})}
            )
        made.append(Example(line, messages=tuple(messages)))
    return made


def pairs(count: int) -> list[Example]:
    rng = random.Random(2)
    question = [({"role": "user", "content": text(rng)},) for _ in range(count)]
    answers = [[({"role": "assistant", "content": text(rng)},) for _ in "12"] for _ in range(count)]
    return [Example(n, q, chosen=a, rejected=b) for n, (q, (a, b)) in enumerate(zip(question, answers, strict=True))]


def planned(examples: list[Example], tokenizer: Any, train_on: str = "answers") -> int:
    """How many of the texts are written by plans, each as render_example() has it."""
    writer, count = RowWriter(tokenizer), 0
    for example in examples:
        for own in split_texts(example):
            written = writer.write(own, train_on)
            if isinstance(written, PlannedText):
                count += 1
                assert written.rendered() == render_example(own, tokenizer, train_on)
    return count


@pytest.mark.parametrize("train_on", ["answers", "last"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_plans_write_what_the_template_does(name: str, train_on: str) -> None:
    tokenizer, rows = make_tokenizer(TEMPLATES[name], eos="<|im_end|>"), conversations(200)
    count = planned(rows, tokenizer, train_on)
    assert count > 60 or name not in ("chatml", "llama")
    for example, row in zip(rows, encode_examples(rows, tokenizer, train_on=train_on, max_len=500), strict=True):
        (found,), (expected,) = row, encode_example(example, tokenizer, train_on=train_on, max_len=500)
        assert found.tokens.tolist() == expected.tokens.tolist() and found.mask.tolist() == expected.mask.tolist()
        assert (found.line, found.cut, found.note) == (expected.line, expected.cut, expected.note)


TWO_TURNS = [row for row in conversations(60) if len(row.messages or ()) == 2]


@pytest.mark.parametrize("token", ["e<|im", "<|im_end|>\n", "x<|im_end|>y"])
def test_no_plan_where_another_token_could_reach_into_a_separator(token: str) -> None:
    tokenizer = make_tokenizer(eos="<|im_end|>")
    assert planned(TWO_TURNS, tokenizer) > 10
    tokenizer.add_tokens([token])
    assert planned(TWO_TURNS, tokenizer) == 0


@pytest.mark.parametrize("takes_space", [False, True])
def test_no_plan_where_a_separator_takes_in_the_space_behind_it(takes_space: bool) -> None:
    tokenizer = make_tokenizer(CHATML.replace("<|im_start|>", "<|go|>"), eos="<|im_end|>")
    tokenizer.add_special_tokens({"extra_special_tokens": [AddedToken("<|go|>", rstrip=takes_space, special=True)]})
    assert (planned(TWO_TURNS, tokenizer) == 0) is takes_space


def test_a_template_that_adds_to_a_text_or_writes_a_call_has_no_plan() -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {}}}
    messages = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "tool_calls": [call]})
    assert planned([Example(n, messages=messages) for n in range(9)], make_tokenizer(eos="<|im_end|>")) == 0
    unclosed = make_tokenizer("{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}")
    assert planned([row for row in conversations(60) if len(row.messages or ()) == 2], unclosed) == 0


def split(block: TokenStore, count: int) -> tuple[TokenStore, TokenStore]:
    is_first = np.arange(len(block)) < count
    return block.take(is_first), block.take(~is_first)


@pytest.mark.parametrize("max_len", [500, 40, 12])
@pytest.mark.parametrize("rows", [conversations(300), pairs(300)], ids=["conversations", "pairs"])
def test_blocks_are_the_stores_of_rows_one_by_one(rows: list[Example], max_len: int) -> None:
    tokenizer = make_tokenizer(eos="<|im_end|>")
    options: dict[str, Any] = {"train_on": "answers", "max_len": max_len}
    blocks = list(iterate_blocks(iter(rows), tokenizer, **options, cancelled=lambda: False))
    encoded = encode_examples(rows, tokenizer, **options)
    per_row = len(encoded[0])
    wanted = np.random.default_rng(0).random(len(rows)) < 0.7
    gathered = GatheredTexts()
    for half in (half for block in blocks for half in split(block, 101)):
        gathered.add(half)
    texts = [np.repeat(side, per_row) for side in (wanted, ~wanted)]
    for side, joined in zip((wanted, ~wanted), gathered.join(texts), strict=True):
        one_by_one = TokenStore.from_texts(t for row, own in zip(encoded, side, strict=True) if own for t in row)
        for name in ("tokens", "mask", "ends", "lines", "cut", "note", "learned"):
            found, expected = getattr(joined, name), getattr(one_by_one, name)
            assert found.dtype == expected.dtype and found.tolist() == expected.tolist(), name
        assert joined.notes == one_by_one.notes and joined.is_consistent()
