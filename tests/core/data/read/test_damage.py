"""Whatever happens to a file, reading it gives rows and findings, or one sentence; never anything else."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from core.data.dataset import load_dataset
from core.data.format.example import Example
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.data.tokenize.encode import encode_example
from core.errors import UserError

CHAT = [{"role": "user", "content": "Käse?"}, {"role": "assistant", "content": "Ja ☃", "tool_calls": [{"name": "f"}]}]
ROWS = [
    {"messages": CHAT, "label": True, "tools": [{"name": "f"}]},
    {"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": "b"},
    {"instruction": "i", "input": None, "output": "o", "history": [["q", "a"]]},
    {"prompt": "p", "completion": "c", "chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": [1]},
    {"question": "q", "answer": "#### {{n}} \\boxed{1"},
    {"text": "['a', {'b': 1}]"},
]
PIECES = (
    '"',
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\n",
    "\r",
    "\0",
    "\ufeff",
    "null",
    "\\ud800",
    "1e999",
    "é",
    " ",
)
SPOILT = (
    None,
    [],
    {},
    "",
    0,
    -1.5,
    True,
    [None],
    [[]],
    [{}],
    {"role": "user"},
    [{"role": "user"}],
    "[",
    "{}",
    "\ud800",
)


def spoil(rng: random.Random, value: object) -> object:
    """The value with something in it of another type."""
    if rng.random() < 0.15:
        return rng.choice(SPOILT)
    if isinstance(value, dict):
        return {(k if rng.random() < 0.95 else k[:-1]): spoil(rng, v) for k, v in value.items()}
    return [spoil(rng, v) for v in value] if isinstance(value, list) else value


def damage(rng: random.Random, text: str) -> bytes:
    """The text with pieces put in, taken out or cut off, at times in another encoding."""
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(text) + 1)
        text = text[:place] + rng.choice(PIECES) + text[place + rng.randrange(3) :]
    raw = text.encode(rng.choice(("utf-8", "utf-8", "utf-8", "cp1252", "utf-16")), "replace")
    return raw[: rng.randrange(len(raw))] if raw and rng.random() < 0.1 else raw


@pytest.mark.parametrize("seed", range(8))
def test_damaged_files(tmp_path: Path, seed: int, tokenizer: Any) -> None:
    rng = random.Random(seed)
    outcomes = set()
    for n in range(60):
        rows = [spoil(rng, row) for row in rng.choices(ROWS, k=4)]
        lines = "\n".join(json.dumps(row, ensure_ascii=rng.random() < 0.5) for row in rows)
        text = rng.choice((lines, json.dumps(rows, indent=rng.choice((None, 2))), "question,answer\nq,a\n" + lines))
        path = tmp_path / f"{n}{rng.choice(('.json', '.jsonl', '.csv', '.tsv', '.txt', ''))}"
        path.write_bytes(damage(rng, text.encode("utf-8", "replace").decode()))
        for kind in (TEXT, PAIRS, UNPAIRED, QUESTIONS):
            try:
                dataset = load_dataset(path, kind)
            except UserError as error:
                outcomes.add("sentence")
                assert str(error).strip()
                continue
            outcomes.add("rows")
            assert all(isinstance(e, Example) for e in dataset.examples)
            json.dumps([f.message for f in dataset.findings], ensure_ascii=False).encode()
            for example in dataset.examples:
                for row in encode_example(example, tokenizer, train_on="answers", max_len=64):
                    assert len(row.tokens) == len(row.mask) <= 64
    assert outcomes == {"rows", "sentence"}
