"""A run's rows: what is held out, what is cut or left out, and that it is said."""

import json
from pathlib import Path
from typing import Any

from core.data.dataset import load_dataset
from core.data.tokenize.token_store import TokenStore as Arrays
from core.events import Event, Warned
from core.run import Run
from core.training.dataset import EncodedDataset, load_rows
from tests.core.data.conftest import make_tokenizer

FILES = Path(__file__).parents[1] / "data" / "files"


def rows(**data: Any) -> tuple[EncodedDataset, dict[str, str]]:
    """(the rows, what was warned of by its code) of a run with these options of the data."""
    run = Run.from_dict({"data": {key: str(v) if isinstance(v, Path) else v for key, v in data.items()}})
    events: list[Event] = []
    work = load_rows(run, make_tokenizer())
    try:
        while True:
            events.append(next(work))
    except StopIteration as end:
        dataset: EncodedDataset = end.value
    return dataset, {e.code: e.message for e in events if isinstance(e, Warned)}


def test_rows_that_are_too_long_are_cut_and_those_with_nothing_left_are_left_out() -> None:
    dataset, warned = rows(path=FILES / "over-long.jsonl", max_seq_len=100, eval_split=0.0)
    assert [len(r.tokens) for r in dataset.train] == [12, 100]
    assert all(r.mask.any() for r in dataset.train)
    assert warned["cut"] == "1 of 3 rows are longer than 100 tokens and are cut at the end."
    assert warned["no-target"] == "1 of 3 rows have nothing to learn within 100 tokens and are left out."
    assert (dataset.facts.cut, dataset.facts.dropped) == (1, 1)


def test_validation_rows_that_are_also_trained_on_are_said_or_left_out() -> None:
    files = {"path": FILES / "overlap-train.jsonl", "eval_path": FILES / "overlap-valid.jsonl"}
    dataset, warned = rows(**files)
    assert (len(dataset.train), len(dataset.held_out)) == (3, 2)
    assert warned["overlap"] == ("1 of 2 validation rows also stand in the training data; the held-out loss flatters.")
    dataset, warned = rows(**files, exclude=["overlap"])
    assert ([r.line for r in dataset.train], len(dataset.held_out)) == ([1, 3], 2)
    assert "overlap" not in warned


def test_single_rows_are_left_out_of_the_training_data_alone() -> None:
    files = {"path": FILES / "overlap-train.jsonl", "eval_path": FILES / "overlap-valid.jsonl"}
    dataset, _ = rows(**files, exclude=["row:1"])
    assert ([r.line for r in dataset.train], len(dataset.held_out)) == ([2, 3], 2)


def test_several_files_are_one_dataset() -> None:
    paths = f"{FILES / 'overlap-train.jsonl'}\n{FILES / 'overlap-valid.jsonl'}"
    dataset, _ = rows(path=paths, eval_split=0.0)
    assert len(dataset.train) == 5


def test_many_rows_stay_arrays_even_if_some_have_nothing_to_learn(tmp_path: Path) -> None:
    texts = [f'{{"prompt": "What is {n}?", "completion": "It is {n}."}}\n' for n in range(2100)]
    path = tmp_path / "many.jsonl"
    path.write_text("".join(texts))
    dataset, _ = rows(path=path, eval_split=0.0)
    assert isinstance(dataset.train, Arrays) and len(dataset.train) == 2100
    path.write_text("".join(texts) + json.dumps({"prompt": "x" * 5000, "completion": "y"}) + "\n")
    dataset, warned = rows(path=path, eval_split=0.0, max_seq_len=200)
    assert isinstance(dataset.train, Arrays) and len(dataset.train) == 2100
    assert [row.line for row in dataset.train[2098:]] == [2099, 2100]
    assert "no-target" in warned


def write_parts(path: Path, train: list[str], **parts: list[str]) -> Path:
    """A JSON file with these texts to train on, and others that are set aside."""
    path.write_text(
        json.dumps({name: [{"text": t} for t in texts] for name, texts in {"train": train, **parts}.items()})
    )
    return path


def test_rows_that_the_file_sets_aside_are_held_out_unless_others_are_named(tmp_path: Path) -> None:
    file = write_parts(tmp_path / "parts.json", ["one", "two", "three"], test=["four", "five"])
    (finding,) = load_dataset(file, "text").findings
    assert (finding.severity, finding.message) == (
        "note",
        "The rows of test are the validation data, where no other is given.",
    )
    dataset, _ = rows(path=file)
    assert (len(dataset.train), len(dataset.held_out)) == (3, 2)
    assert [example.text for example in dataset.examples] == ["four", "five"]
    assert (dataset.facts.eval_path, dataset.facts.eval_rows) == (str(file), 2)

    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "six"}\n')
    dataset, _ = rows(path=file, eval_path=other)
    assert ([e.text for e in dataset.examples], dataset.facts.eval_path) == (["six"], str(other))
    dataset, _ = rows(path=file, eval_split=0.0)
    assert (len(dataset.train), len(dataset.held_out), dataset.facts.eval_path) == (3, 0, None)


def test_of_several_parts_the_validation_rows_are_held_out(tmp_path: Path) -> None:
    dataset, _ = rows(path=write_parts(tmp_path / "parts.json", ["one", "two"], test=["three"], validation=["four"]))
    assert [example.text for example in dataset.examples] == ["four"]


def test_rows_are_split_where_those_that_are_set_aside_cannot_be_used(tmp_path: Path) -> None:
    file = write_parts(tmp_path / "parts.json", ["one", "two", "three"], test=[""])
    dataset, warned = rows(path=file, eval_split=0.3)
    assert (len(dataset.train), len(dataset.held_out), dataset.facts.eval_path) == (2, 1, None)
    assert "text is empty" in warned["held-out"]


def test_a_folder_of_parts_without_validation_files_holds_out_its_test_files(tmp_path: Path) -> None:
    for part, text in (("train", "one"), ("test", "two")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "data-00000-of-00001.jsonl").write_text(json.dumps({"text": text}) + "\n")
    dataset, _ = rows(path=tmp_path)
    assert [example.text for example in dataset.examples] == ["two"]
    (tmp_path / "validation.jsonl").write_text('{"text": "three"}\n')
    assert [example.text for example in rows(path=tmp_path)[0].examples] == ["three"]
    (finding,) = (f for f in load_dataset(tmp_path, "text").findings if f.code == "held-out")
    assert finding.message == "The validation data, where no other is given: validation.jsonl."
