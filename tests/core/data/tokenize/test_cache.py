"""The token cache: the same rows a second time without the tokenizer, another key for whatever matters."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.format.example import Example
from core.data.tokenize import cache, cache_file, encoding, tokens
from core.data.tokenize.cache import cache_key, load_or_encode
from core.data.tokenize.encode import encode_example
from core.data.tokenize.encoding import Cancelled
from core.data.tokenize.token_store import TokenStore
from tests.core.data.conftest import CHATML, make_tokenizer
from tests.core.data.tokenize.test_encode import chat
from tests.core.data.tokenize.test_encoding import ROWS, same_encoding

MANY = [replace(row, line=n) for n, row in enumerate(ROWS * 3)]
SINGLE = [row for row in MANY if row.chosen is None]
OPTIONS: dict[str, Any] = {"train_on": "answers", "max_len": 60}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MIN_ROWS", 10)
    monkeypatch.setattr(encoding, "TEXTS_AT_ONCE", 7)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each call has tokenized."""
    counts: list[int] = []

    def count_rows(rows: Any, tokenizer: Any) -> Any:
        counts.append(len(rows))
        return tokens.tokenize_texts(rows, tokenizer)

    monkeypatch.setattr(encoding, "tokenize_texts", count_rows)
    return counts


def test_the_second_time_nothing_is_tokenized(tmp_path: Path, tokenizer: Any, calls: list[int]) -> None:
    reports: list[tuple[int, int]] = []
    for n in range(2):
        rows = load_or_encode(SINGLE, tokenizer, **OPTIONS, folder=tmp_path, progress=lambda *n: reports.append(n))
        assert len(rows) == len(SINGLE)
        alone = [encode_example(e, tokenizer, **OPTIONS)[0] for e in SINGLE]
        assert all(same_encoding(row, a) for (row,), a in zip(rows, alone, strict=True))
        assert sum(calls) == len(SINGLE), n
        assert reports[-1] == (len(SINGLE), len(SINGLE))
    assert [path.suffix for path in tmp_path.iterdir()] == [".tokens"]
    assert same_encoding(rows[-1][0], encode_example(SINGLE[-1], tokenizer, **OPTIONS)[0])
    assert [row.line for (row,) in rows[2:9:3]] == [e.line for e in SINGLE[2:9:3]]
    with pytest.raises(IndexError):
        rows[len(SINGLE)]


def test_pairs_stay_pairs(tmp_path: Path, tokenizer: Any, calls: list[int]) -> None:
    for _ in range(2):
        rows = load_or_encode(MANY, tokenizer, **OPTIONS, folder=tmp_path)
        for row, example in zip(rows, MANY, strict=True):
            alone = encode_example(example, tokenizer, **OPTIONS)
            assert len(row) == len(alone)
            assert all(same_encoding(a, b) for a, b in zip(row, alone, strict=True))
    assert sum(calls) == sum(len(row) for row in rows)


def test_few_rows_are_not_kept(tmp_path: Path, tokenizer: Any) -> None:
    assert len(load_or_encode(SINGLE[:9], tokenizer, **OPTIONS, folder=tmp_path)) == 9
    assert list(tmp_path.iterdir()) == []


def test_whatever_matters_makes_another_key() -> None:
    rows = [chat("a", "b"), Example(2, prompt="p", completion="c")]
    other_tokenizer = make_tokenizer(CHATML + " ")
    keys = [
        cache_key(rows, make_tokenizer(), OPTIONS),
        cache_key([chat("a", "B"), rows[1]], make_tokenizer(), OPTIONS),
        cache_key([rows[1], rows[0]], make_tokenizer(), OPTIONS),
        cache_key(rows[:1], make_tokenizer(), OPTIONS),
        cache_key([rows[0], replace(rows[1], line=3)], make_tokenizer(), OPTIONS),
        cache_key([replace(rows[0], tools=({"name": "f"},)), rows[1]], make_tokenizer(), OPTIONS),
        cache_key(rows, other_tokenizer, OPTIONS),
        cache_key(rows, make_tokenizer(eos="<|im_end|>"), OPTIONS),
        cache_key(rows, make_tokenizer(adds_bos=True), OPTIONS),
        cache_key(rows, make_tokenizer(), {**OPTIONS, "train_on": "last"}),
        cache_key(rows, make_tokenizer(), {**OPTIONS, "max_len": 61}),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == cache_key([chat("a", "b"), replace(rows[1], file="elsewhere")], make_tokenizer(), OPTIONS)


@pytest.mark.parametrize("damage", ["cut", "longer", "token", "head", "empty", "foreign", "other key", "length"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, tokenizer: Any, calls: list[int], damage: str) -> None:
    load_or_encode(SINGLE, tokenizer, **OPTIONS, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    name = path.stem.encode()
    spoilt = {
        "cut": content[:-64],
        "longer": content + bytes(64),
        "token": content[:1024] + bytes([content[1024] ^ 1]) + content[1025:],
        "head": content[:20] + b"\xff" + content[21:],
        "empty": b"",
        "foreign": b"something else " * 99,
        "other key": content.replace(name, name[::-1]),
        "length": content[:8] + b"\xff" * 8 + content[16:],
    }
    path.write_bytes(spoilt[damage])
    rows = load_or_encode(SINGLE, tokenizer, **OPTIONS, folder=tmp_path)
    assert sum(calls) == 2 * len(SINGLE)
    assert all(
        same_encoding(row, encode_example(e, tokenizer, **OPTIONS)[0]) for (row,), e in zip(rows, SINGLE, strict=True)
    )
    assert path.read_bytes() == content


def test_work_that_is_cancelled_leaves_nothing(tmp_path: Path, tokenizer: Any) -> None:
    with pytest.raises(Cancelled):
        load_or_encode(SINGLE, tokenizer, **OPTIONS, folder=tmp_path, cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_to_write_the_rows_come_all_the_same(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("a file, where a folder is needed")
    assert len(load_or_encode(SINGLE, tokenizer, **OPTIONS, folder=file)) == len(SINGLE)

    def full(*paths: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_file.os, "replace", full)
    folder = tmp_path / "folder"
    assert len(load_or_encode(SINGLE, tokenizer, **OPTIONS, folder=folder)) == len(SINGLE)
    assert list(folder.iterdir()) == []


def test_the_oldest_files_go_first(tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = TokenStore.from_texts(encode_example(e, tokenizer, **OPTIONS)[0] for e in SINGLE)
    assert cache_file.write_store(tmp_path, "a", rows) is not None
    size = (tmp_path / "a.tokens").stat().st_size
    monkeypatch.setattr(cache_file, "MAX_BYTES", 3 * size)
    for n, name in enumerate("bcd"):
        os.utime(tmp_path / f"{chr(ord(name) - 1)}.tokens", (n, n))
        assert cache_file.read_store(tmp_path, "a") is not None  # reading counts as use
        assert cache_file.write_store(tmp_path, name, rows) is not None
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "c", "d"]
    (tmp_path / "left.part").write_text("")
    os.utime(tmp_path / "left.part", (time.time() - 90_000,) * 2)
    (tmp_path / "new.part").write_text("")
    cache_file.write_store(tmp_path, "e", rows)
    assert sorted(path.name for path in tmp_path.glob("*.part")) == ["new.part"]
    monkeypatch.setattr(cache_file, "MAX_BYTES", size)
    assert cache_file.write_store(tmp_path, "f", rows) is None


def test_no_rows_are_rows_too(tmp_path: Path) -> None:
    empty = cache_file.write_store(tmp_path, "none", TokenStore.from_texts([]))
    assert empty is not None
    assert list(empty) == []
    assert np.asarray(empty.ends).tolist() == [0]
