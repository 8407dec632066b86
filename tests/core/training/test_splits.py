"""Which rows of a run are trained on, and which are held out."""

import json
from pathlib import Path

from core.data.dataset import load_dataset
from tests.core.training.loaded_rows import FILES, rows


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
