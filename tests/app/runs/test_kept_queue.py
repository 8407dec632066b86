"""The runs that wait are kept over a restart, without any yes to code, by one window at a time."""

import json
from pathlib import Path

import pytest

from app.desktop import preferences
from app.runs.kept_queue import KeptQueue, QueuedRun
from core.run import Run


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(preferences, "data_folder", lambda: tmp_path / "data")
    return tmp_path / "data"


def make_run(name: str, tmp_path: Path) -> Run:
    return Run().replace("output", str(tmp_path / name)).replace("train.steps", 7)


def test_what_waited_is_held_at_the_next_start(tmp_path: Path) -> None:
    first = KeptQueue()
    trusting = make_run("a", tmp_path).replace("model.allow_code", True)
    first.write([QueuedRun(trusting), QueuedRun(make_run("b", tmp_path), True)])
    first.close()
    second = KeptQueue()
    assert second.held == [QueuedRun(make_run("a", tmp_path)), QueuedRun(make_run("b", tmp_path), True)]
    second.write([QueuedRun(make_run("c", tmp_path))])  # those that are held stay
    second.close()
    third = KeptQueue()
    assert [kept.run.name for kept in third.held] == ["a", "b", "c"]
    third.held.clear()
    third.write([])
    third.close()
    assert KeptQueue().held == []


def test_another_window_leaves_the_file_alone(tmp_path: Path) -> None:
    first = KeptQueue()
    first.write([QueuedRun(make_run("a", tmp_path))])
    other = KeptQueue()
    assert (first.keeps, other.keeps, other.held) == (True, False, [])
    other.write([])
    other.close()
    first.close()
    assert [kept.run.name for kept in KeptQueue().held] == ["a"]


@pytest.mark.parametrize(
    ("content", "names", "sentence"),
    [
        ("{", [], "not valid JSON"),
        ("7", [], "not a table"),
        ([{"run": "method = 3", "resumes": False}], [], "Run 1 of the queue cannot go on. It: "),
        ([{"run": "", "resumes": False}, {"run": 'output = "x"', "resumes": True}], ["x"], "It has no folder"),
        ([{"run": "= =", "resumes": False}], [], "It is not valid TOML"),
    ],
)
def test_a_damaged_file_is_said(data_folder: Path, content: object, names: list[str], sentence: str) -> None:
    (data_folder / "queue").mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (data_folder / "queue" / "queue.json").write_text(text)
    queue = KeptQueue()
    assert [kept.run.name for kept in queue.held] == names
    assert sentence in queue.problem
    queue.close()
