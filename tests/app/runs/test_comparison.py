"""What tells runs apart: labels, the settings that were really used, answers to the same questions."""

import json
from pathlib import Path
from threading import Event as Flag

import pytest

from app.runs.comparison import list_differences, list_questions, make_labels, read_runs
from app.runs.settings_text import list_changes
from core.errors import BadOption
from core.events import Sample, to_json
from core.run import Run
from tests.app.conftest import play_script


def make_run(folder: Path, run: Run, resolved: dict | None = None) -> Path:
    list(play_script(run.replace("output", str(folder)), Flag(), Flag(), steps=10))
    (folder / "resolved.json").write_text(json.dumps(resolved or {}))
    return folder


def test_labels_tell_runs_apart() -> None:
    titles = [
        ("rows.jsonl", Path("2026-11-28-175004-sft-rows")),
        ("rows.jsonl", Path("2026-11-28-181530-sft-rows")),
        ("mine", Path("mine")),
        ("twice", Path("a/x")),
        ("twice", Path("b/x")),
    ]
    assert make_labels(titles) == [
        "2026-11-28 17:50:04, rows.jsonl",
        "2026-11-28 18:15:30, rows.jsonl",
        "mine",
        "x, twice",
        "x, twice (2)",
    ]


def test_only_settings_that_differ_are_listed(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", Run().replace("adapter.rank", 8).replace("train.seed", 7))
    second = make_run(tmp_path / "b", Run().replace("adapter.rank", 32).replace("train.seed", 7))
    rows = [(d.group, d.label, d.values) for d in list_differences(read_runs([first, second]))]
    assert rows == [("What is trained", "Rank", ("8", "32"))]


def test_what_was_used_counts_not_what_was_asked(tmp_path: Path) -> None:
    used = {"train": {"learning_rate": 0.002}, "backend": {"used": "gpu"}, "versions": {"mlx": "0.32.4"}}
    other = {"train": {"learning_rate": 0.002}, "backend": {"used": "cpu"}, "versions": {"mlx": "0.33.0"}}
    first = make_run(tmp_path / "a", Run(), used)
    second = make_run(tmp_path / "b", Run().replace("train.learning_rate", 0.002), other)
    rows = [(d.label, d.values) for d in list_differences(read_runs([first, second]))]
    assert rows == [("Backend", ("GPU", "CPU")), ("mlx", ("0.32.4", "0.33.0"))]


def test_another_reason_for_the_same_is_no_difference(tmp_path: Path) -> None:
    resolved = [{"data": {"packing": {"requested": True, "used": True, "reason": reason}}} for reason in "ab"]
    folders = [make_run(tmp_path / name, Run(), used) for name, used in zip("ab", resolved, strict=True)]
    assert list_differences(read_runs(folders)) == []
    resolved[1]["data"]["packing"]["used"] = False
    folders[1] = make_run(tmp_path / "c", Run(), resolved[1])
    assert [(d.label, d.values) for d in list_differences(read_runs(folders))] == [("Pack rows", ("on", "off"))]


def test_runs_of_different_methods_are_compared(tmp_path: Path) -> None:
    runs = read_runs([make_run(tmp_path / "a", Run()), make_run(tmp_path / "b", Run(method="dpo"))])
    rows = {d.label: d.values for d in list_differences(runs)}
    assert rows["Method"] == (Run().spec.title, Run(method="dpo").spec.title)
    assert rows["Beta (KL penalty)"][0] == "–"


def test_a_changed_resolved_json_is_no_crash(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", Run(), {"train": {"learning_rate": "fast", "seed": [1, {}]}, "data": 7})
    second = make_run(tmp_path / "b", Run(), {"train": None, "versions": []})
    assert {d.label for d in list_differences(read_runs([first, second]))} == {"Learning rate", "Seed"}


def test_answers_to_the_same_questions(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name, Run()) for name in "abc"]
    with (folders[0] / "events.jsonl").open("a") as log:
        log.write(to_json(Sample(10, "after", 1, "Only here?", "Yes.")) + "\n")
    with (folders[2] / "events.jsonl").open("a") as log:
        log.write(to_json(Sample(10, "after", 0, "What is 2 plus 2?", "Four.")) + "\n")
    for folder in folders[:2]:  # stopped before they answered it again
        with (folder / "events.jsonl").open("a") as log:
            log.write(to_json(Sample(0, "before", 2, "Only before?", "Yes.")) + "\n")
    (question,) = list_questions(read_runs(folders))
    assert (question.prompt, question.expected) == ("What is 2 plus 2?", "It is 4.")
    assert [answer.answer for answer in question.answers if answer] == ["It is 4.", "It is 4.", "Four."]


def test_a_run_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", Run())
    (tmp_path / "b").mkdir()
    with pytest.raises(BadOption, match="holds no run"):
        read_runs([folder, tmp_path / "b"])
    (tmp_path / "b" / "run.toml").write_text("method = 7")
    with pytest.raises(BadOption, match="method"):
        read_runs([folder, tmp_path / "b"])


def test_changes_to_a_run() -> None:
    old = Run().replace("adapter.rank", 8)
    new = old.replace("adapter.rank", 16).replace("train.epochs", 2.0).replace("output", "/elsewhere")
    assert [(c.key, c.old, c.new) for c in list_changes(old, new)] == [
        ("adapter.rank", "8", "16"),
        ("train.epochs", "the method's usual", "2"),
    ]
    other = {change.key: (change.old, change.new) for change in list_changes(old, Run(method="dpo"))}
    assert other["method"][1] == Run(method="dpo").spec.title
    assert other["options.beta"][0] == "–"
