"""The datasets that are remembered: bounded, with counts of the files as they were, and the runs that used them."""

from pathlib import Path

import pytest

from app.runs import datasets
from app.runs.datasets import CHANGED, GONE, HERE, ON_HUB
from app.runs.inputs import RunInputs, read_run_inputs
from core.run import Run
from core.text.sentence import Sentence, say


def run_over(path: Path | str) -> Run:
    return Run().replace("data.path", str(path))


def remember(path: Path | str, rows: int = 60) -> None:
    datasets.remember(run_over(path), "Chat", rows, 2, {"placeholder": 3})


def test_a_dataset_is_remembered_with_its_counts_and_the_state_of_its_file(dataset: Path) -> None:
    remember(dataset)
    (listed,) = datasets.list_datasets([])
    entry = listed.dataset
    assert (entry.path, entry.format, entry.rows, entry.left_out) == (str(dataset), "Chat", 60, 2)
    assert (entry.problems, listed.state, listed.runs) == ({"placeholder": 3}, HERE, ())
    with dataset.open("a") as file:
        file.write("{}\n")
    assert datasets.list_datasets([])[0].state == CHANGED
    dataset.unlink()
    assert datasets.list_datasets([])[0].state == GONE


def test_the_kind_of_rows_can_be_said_in_another_language_again(dataset: Path) -> None:
    datasets.remember(run_over(dataset), say("Unknown"), 60, 0, {})
    (entry,) = datasets.load()
    assert entry.format == "Unknown" and isinstance(entry.format, Sentence)


def test_the_latest_stands_first_once_and_the_list_has_an_end(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST", 3)
    for number in range(5):
        remember(f"team/set{number}")
    remember(dataset)
    remember(dataset, rows=61)
    assert [entry.path for entry in datasets.load()] == [str(dataset), "team/set4", "team/set3"]
    assert datasets.load()[0].rows == 61
    assert [item.state for item in datasets.list_datasets([])] == [HERE, ON_HUB, ON_HUB]


def test_runs_tell_what_they_learned_from_until_it_is_forgotten(dataset: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        run_over(dataset).write(tmp_path / "runs" / name / "run.toml")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.toml").write_text("= no")
    Run().write(tmp_path / "runs" / "run.toml")
    inputs = read_run_inputs(tmp_path / "runs")
    (listed,) = datasets.list_datasets(inputs)
    assert listed.dataset.rows is None and {run.folder.name for run in listed.runs} == {"first", "second"}
    datasets.forget(str(dataset))
    assert datasets.list_datasets(inputs) == []
    remember(dataset)
    assert len(datasets.list_datasets(inputs)) == 1


def test_the_sample_data_are_not_listed_and_a_damaged_file_is_none(tmp_path: Path) -> None:
    remember("demo")
    assert datasets.load() == []
    assert datasets.list_datasets([RunInputs(tmp_path, "starter", "demo", "sft", 1.0)]) == []
    datasets.datasets_file().parent.mkdir(parents=True, exist_ok=True)
    for text in ("[1, 2]", "{", '[{"odd": 1}]'):
        datasets.datasets_file().write_text(text)
        assert datasets.load() == []
