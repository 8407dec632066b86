"""A run's folder that belongs to another user: each way to it ends in a sentence that says so, or works."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.chat import find_base_model
from core.data.read.files import find_files
from core.data.read.source import check_is_file
from core.errors import UserError
from core.model.hub import locate
from core.run import Run
from core.run.folder import RunFolder
from tests.others_folder import as_somebody_else


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = RunFolder(tmp_path / "theirs", early_events=[], is_new=True)
    folder.begin(Run().replace("output", str(tmp_path / "theirs")))
    folder.close()
    (tmp_path / "theirs/adapter_config.json").write_text(json.dumps({"model": "starter"}))
    (tmp_path / "theirs/rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    return tmp_path / "theirs"


@pytest.mark.parametrize(
    ("attempt", "name"),
    [
        (lambda folder: RunFolder.open(folder), "run.toml"),
        (lambda folder: find_base_model(str(folder)), "adapter_config.json"),
        (lambda folder: check_is_file(folder / "rows.jsonl"), "rows.jsonl"),
        (lambda folder: find_files(folder / "rows.jsonl", "text"), "rows.jsonl"),
        (lambda folder: locate(str(folder / "model")), "model"),
    ],
    ids=["resume", "adapter", "file", "dataset", "model"],
)
def test_what_may_not_be_read_is_told(run_folder: Path, attempt: Callable[[Path], object], name: str) -> None:
    with as_somebody_else(run_folder, readable=False) as theirs, pytest.raises(UserError) as told:
        attempt(theirs)
    assert str(told.value) == f"There is no permission to read {theirs / name}."


def test_what_may_only_be_read_can_be_used_and_not_changed(run_folder: Path) -> None:
    with as_somebody_else(run_folder, readable=True) as theirs:
        assert find_base_model(str(theirs)) is not None
        check_is_file(theirs / "rows.jsonl")
        with pytest.raises(UserError, match=r"There is no permission to write to .*theirs"):
            RunFolder.open(theirs)
        with pytest.raises(UserError, match=r"There is no permission to write to .*theirs\.$"):
            RunFolder.plan(Run().replace("output", str(theirs / "mine")))
