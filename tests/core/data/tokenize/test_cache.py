"""The cache of prepared rows: what is written comes back, another key for whatever matters, nothing from damage."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.tokenize import cache, cache_file
from core.data.tokenize.cache import cache_key, list_contents
from core.data.tokenize.encode import encode_example
from core.data.tokenize.token_store import TokenStore
from tests.core.data.conftest import CHATML, make_tokenizer
from tests.core.data.tokenize.test_encoding import ROWS, same_encoding

MANY = [replace(row, line=n) for n, row in enumerate(ROWS * 3)]
SINGLE = [row for row in MANY if row.chosen is None]
OPTIONS: dict[str, Any] = {"train_on": "answers", "max_len": 60}
ABOUT = {"warnings": ["one"], "count": 3}


@pytest.fixture
def store(tokenizer: Any) -> TokenStore:
    return TokenStore.from_texts(encode_example(e, tokenizer, **OPTIONS)[0] for e in SINGLE)


def test_what_was_written_comes_back(tmp_path: Path, tokenizer: Any, store: TokenStore) -> None:
    few = store.take(np.arange(len(store)) % 3 == 1)
    assert cache_file.write_entry(tmp_path, "key", {"train": store, "held_out": few}, ABOUT)
    entry = cache_file.read_entry(tmp_path, "key")
    assert entry is not None and entry.about == ABOUT
    alone = [encode_example(e, tokenizer, **OPTIONS)[0] for e in SINGLE]
    train, held_out = entry.stores["train"], entry.stores["held_out"]
    assert len(train) == len(alone) and all(map(same_encoding, train, alone))
    assert len(held_out) == len(alone[1::3]) and all(map(same_encoding, held_out, alone[1::3]))
    assert train.lengths.tolist() == [len(text.tokens) for text in alone]
    assert train.learned.tolist() == [int(text.mask.sum()) for text in alone]
    assert same_encoding(train[-1], alone[-1])
    assert [row.line for row in train[2:9:3]] == [e.line for e in SINGLE[2:9:3]]
    with pytest.raises(IndexError):
        train[len(SINGLE)]
    assert cache_file.read_entry(tmp_path, "another") is None


def test_whatever_matters_makes_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    file.write_text("a"), other.write_text("a")

    def key(tokenizer: Any = None, files: tuple[Path, ...] = (file,), **options: Any) -> str:
        contents = list_contents(files)
        assert contents is not None
        return cache_key(contents, tokenizer or make_tokenizer(), {**OPTIONS, **options})

    keys = [
        key(),
        key(files=(other,)),
        key(files=(file, other)),
        key(make_tokenizer(CHATML + " ")),
        key(make_tokenizer(eos="<|im_end|>")),
        key(make_tokenizer(adds_bos=True)),
        key(train_on="last"),
        key(max_len=61),
        key(exclude=("duplicate",)),
    ]
    assert key() == keys[0]
    file.write_text("b")
    keys.append(key())
    monkeypatch.setattr(cache, "__version__", "99.9")
    keys.append(key())
    monkeypatch.setattr(cache, "_code_hash", lambda: "changed")
    keys.append(key())
    assert len(set(keys)) == len(keys)
    assert list_contents([tmp_path / "missing"]) is None


def test_a_template_that_writes_the_date_counts_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    dated, plain = make_tokenizer("{{ strftime_now('%d %b %Y') }}" + CHATML), make_tokenizer()
    before = [cache_key([], t, OPTIONS) for t in (dated, plain)]
    monkeypatch.setattr(cache.time, "strftime", lambda form: "2031-02-03")
    after = [cache_key([], t, OPTIONS) for t in (dated, plain)]
    assert before[0] != after[0] and before[1] == after[1]


@pytest.mark.parametrize(
    "damage", ["cut", "longer", "token", "head", "about", "empty", "foreign", "other key", "length"]
)
def test_a_damaged_file_is_not_read(tmp_path: Path, store: TokenStore, damage: str) -> None:
    assert cache_file.write_entry(tmp_path, "key", {"train": store}, ABOUT)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    spoilt = {
        "cut": content[:-64],
        "longer": content + bytes(64),
        "token": content[:1024] + bytes([content[1024] ^ 1]) + content[1025:],
        "head": content[:28] + b"\xff" + content[29:],
        "about": content.replace(b'"one"', b'"two"'),
        "empty": b"",
        "foreign": b"something else " * 99,
        "other key": content.replace(b'"key"', b'"yek"'),
        "length": content[:8] + b"\xff" * 8 + content[16:],
    }
    assert spoilt[damage] != content
    path.write_bytes(spoilt[damage])
    assert cache_file.read_entry(tmp_path, "key") is None
    assert cache_file.write_entry(tmp_path, "key", {"train": store}, ABOUT)
    assert path.read_bytes() == content


def test_without_a_place_to_write_nothing_is_left(
    tmp_path: Path, store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("a file, where a folder is needed")
    assert not cache_file.write_entry(file, "key", {"train": store}, ABOUT)

    def full(*paths: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_file.os, "replace", full)
    folder = tmp_path / "folder"
    assert not cache_file.write_entry(folder, "key", {"train": store}, ABOUT)
    assert list(folder.iterdir()) == []


def test_the_oldest_files_go_first(tmp_path: Path, store: TokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(key: str) -> bool:
        return cache_file.write_entry(tmp_path, key, {"train": store}, ABOUT)

    assert write("a")
    size = (tmp_path / "a.tokens").stat().st_size
    monkeypatch.setattr(cache_file, "MAX_BYTES", 3 * size)
    for n, name in enumerate("bcd"):
        os.utime(tmp_path / f"{chr(ord(name) - 1)}.tokens", (n, n))
        assert cache_file.read_entry(tmp_path, "a") is not None  # reading counts as use
        assert write(name)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "c", "d"]
    (tmp_path / "left.part").write_text("")
    os.utime(tmp_path / "left.part", (time.time() - 90_000,) * 2)
    (tmp_path / "new.part").write_text("")
    assert write("e")
    assert sorted(path.name for path in tmp_path.glob("*.part")) == ["new.part"]
    monkeypatch.setattr(cache_file, "MAX_BYTES", size)
    assert not write("f")


def test_no_rows_are_rows_too(tmp_path: Path) -> None:
    assert cache_file.write_entry(tmp_path, "none", {"train": TokenStore.from_texts([])}, {})
    entry = cache_file.read_entry(tmp_path, "none")
    assert entry is not None and list(entry.stores["train"]) == []
