"""A run of another user among one's own, as in a folder that several people share."""

from pathlib import Path
from threading import Event as Flag

import pytest

from app.desktop.drops import classify_path
from app.runs import history
from core.errors import UserError
from core.run import Run
from tests.app.conftest import play_script
from tests.others_folder import as_somebody_else


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    list(play_script(Run().replace("output", str(tmp_path / "runs/theirs")), Flag(), Flag(), steps=5))
    return tmp_path / "runs"


def test_a_closed_run_has_its_reason_and_hides_none_of_the_others(runs: Path) -> None:
    with as_somebody_else(runs / "theirs", readable=False) as theirs:
        (entry,) = history.list_runs(theirs.parent)
        assert (entry.status, entry.damage) == ("damaged", f"There is no permission to read {theirs}.")
        assert history.list_interrupted(history.list_runs(theirs.parent)) == []
        assert not entry.resumable
        meaning = classify_path(theirs)
        assert (meaning.kind, meaning.sentence) == ("", "There is no permission to read “theirs”.")
        with pytest.raises(UserError, match=r"Permission denied|no permission"):
            Run.read(theirs / "run.toml")


def test_an_open_one_can_be_looked_at(runs: Path) -> None:
    with as_somebody_else(runs / "theirs", readable=True) as theirs:
        (entry,) = history.list_runs(theirs.parent)
        assert (entry.status, entry.damage, entry.steps) == ("done", "", 5)
        assert history.read_record(theirs).finished is not None
        assert classify_path(theirs).kind == "run"
