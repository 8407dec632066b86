"""Prepared rows from the cache: the second run on the same data has the same rows, facts and warnings as the first."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.batch.groups import row_texts
from core.data.tokenize import cache
from core.run import Run
from core.text.sentence import Sentence
from core.training import dataset as dataset_module
from core.training import splits as splits_module
from core.training.dataset import EncodedDataset, load_rows
from tests.core.data.conftest import make_tokenizer

Loaded = tuple[EncodedDataset, list[Any]]  # the rows, and every event but progress


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(dataset_module, "MIN_ROWS", 5)
    return tmp_path / "cache"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was read, each time that files are."""
    made: list[Any] = []
    read = splits_module.encode_files

    def count(*args: Any, **options: Any) -> Any:
        made.append(args[0])
        return read(*args, **options)

    monkeypatch.setattr(splits_module, "encode_files", count)
    return made


def write(path: Path, rows: Iterator[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts(path: Path, count: int = 30) -> Path:
    """Conversations, some of them twice, one too long, one broken."""
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "it"}}}
    rows: list[dict[str, Any]] = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n % 25}?"},
                {"role": "assistant", "content": f"It is {n % 25}.", **({"tool_calls": [call]} if n == 7 else {})},
            ]
        }
        for n in range(count)
    ]
    rows[3]["messages"][0]["content"] = "x" * 900
    write(path, iter(rows))
    path.write_text(path.read_text() + "{broken\n")
    return path


def load(path: Path, method: str = "sft", **changes: Any) -> Loaded:
    data = {"path": str(path), "max_seq_len": 200, **changes.pop("data", {})}
    run = Run.from_dict({"method": method, "data": data, **changes})
    work, events = load_rows(run, make_tokenizer()), list[Any]()
    try:
        while True:
            event = next(work)
            if type(event).__name__ != "Phase":
                events.append((event.code, str(event.message)))  # type: ignore[attr-defined]
    except StopIteration as end:
        return end.value, events


def plain(loaded: Loaded) -> Any:
    """Everything of it, to be compared."""
    rows, events = loaded
    sides = [
        [
            (
                [(t.line, t.tokens.tolist(), t.mask.tolist(), t.cut, t.note) for t in row_texts(row)],
                {k: float(v) for k, v in getattr(row, "values", {}).items()},
            )
            for row in side
        ]
        for side in (rows.train, rows.held_out)
    ]
    return sides, list(rows.examples), dataclasses.asdict(rows.facts), events


def test_the_second_run_has_what_the_first_had_without_reading(tmp_path: Path, readings: list[Any]) -> None:
    path = texts(tmp_path / "rows.jsonl")
    first = load(path)
    assert {"json", "duplicate", "no-target"} <= {code for code, _ in first[1]}
    assert first[0].facts.dropped == 2 and first[0].facts.eval_rows > 0
    second = load(path)
    assert plain(second) == plain(first)
    assert len(readings) == 1
    told = [*dict(second[1]).values(), *(row.note for row in second[0].train if row.note)]
    assert len(told) > 2 and all(isinstance(sentence, Sentence) for sentence in told)  # to be said in any language
    assert np.asarray(load(path)[0].train[0].tokens).flags.writeable is False  # it lies in the file


@pytest.mark.parametrize("method", ["dpo", "orpo", "kto"])
def test_pairs_and_marked_answers_too(tmp_path: Path, readings: list[Any], method: str) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for n in range(20):
            if method == "kto":
                yield {"prompt": f"Ask {n}", "completion": f"Answer {n}", "label": n % 5 == 0}
            else:
                yield {"prompt": f"Ask {n}", "chosen": f"Good {n}", "rejected": f"Bad {n}" if n % 4 else f"Good {n} "}

    path = write(tmp_path / "rows.jsonl", rows())
    first = load(path, method)
    assert plain(load(path, method)) == plain(first) and len(readings) == 1
    if method == "kto":
        assert "uneven-marks" in dict(first[1])


def test_what_makes_no_difference_to_rows_does_not_make_them_anew(tmp_path: Path, readings: list[Any]) -> None:
    path = texts(tmp_path / "rows.jsonl")
    first = load(path)
    other = load(path, train={"batch_size": 2, "samples": 50}, data={"shuffle": False})
    assert len(readings) == 1 and plain(other)[:3] == plain(first)[:3]


@pytest.mark.parametrize(
    "change", [{"data": {"max_seq_len": 30}}, {"data": {"train_on": "all"}}, {"data": {"eval_split": 0.5}},
               {"data": {"exclude": ["duplicate"]}}, {"data": {"exclude": ["row:2"]}}, {"train": {"seed": 9}}]
)  # fmt: skip
def test_what_makes_a_difference_makes_them_anew(
    tmp_path: Path, readings: list[Any], folder: Path, change: dict[str, Any]
) -> None:
    path = texts(tmp_path / "rows.jsonl")
    load(path)
    changed = load(path, **change)
    assert len(readings) == 2
    for file in folder.iterdir():
        file.unlink()
    assert plain(changed) == plain(load(path, **change))


def test_other_content_under_the_same_name_and_damage_make_them_anew(
    tmp_path: Path, readings: list[Any], folder: Path
) -> None:
    path = texts(tmp_path / "rows.jsonl")
    first = plain(load(path))  # now, as its arrays lie in the file that is damaged
    path.write_text(path.read_text().replace("What is 4?", "What is 5?"))
    assert plain(load(path)) != first and len(readings) == 2
    texts(path)
    assert plain(load(path)) == first and len(readings) == 2
    for file in folder.iterdir():
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    assert plain(load(path)) == first and len(readings) == 3


def test_held_out_files_beside_and_few_rows(tmp_path: Path, readings: list[Any], folder: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    texts(data / "train.jsonl")
    held_out = write(data / "valid.jsonl", iter([{"prompt": "a", "completion": "b"}]))
    assert load(data)[0].facts.eval_rows == 1
    write(held_out, iter([{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "d"}]))
    assert load(data)[0].facts.eval_rows == 2 and len(readings) == 4
    assert load(data)[0].facts.eval_rows == 2 and len(readings) == 4
    for file in folder.iterdir():
        file.unlink()
    load(held_out)
    assert list(folder.iterdir()) == []
