"""A run that was interrupted is offered on the first page, until it is resumed or put off."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
from pytestqt.qtbot import QtBot

from app.pages.run import RunPage
from app.runs import history
from app.shell.window import MainWindow
from core.run import Run, runs_folder
from core.run.event_log import checkpoint_name
from core.run.lock import RunLock
from tests.app.conftest import play_script


def make_run(name: str, checkpoint: int | None, is_cut: bool = True) -> Path:
    folder = runs_folder() / name
    list(play_script(Run().replace("output", str(folder)), Flag(), Flag(), steps=20))
    if is_cut:
        log = folder / "events.jsonl"
        log.write_text("\n".join(log.read_text().splitlines()[:-1]) + "\n")
    if checkpoint is not None:
        (folder / "checkpoints" / checkpoint_name(checkpoint)).mkdir(parents=True)
    return folder


@pytest.fixture
def locked(home: Path) -> Iterator[Path]:
    """A run that trains right now."""
    folder = make_run("alive", 10)
    lock = RunLock(folder)
    lock.acquire()
    yield folder
    lock.release()


def test_only_what_can_go_on_is_offered(locked: Path) -> None:
    make_run("finished", 10, is_cut=False)
    make_run("without a checkpoint", None)
    (make_run("only just begun", None) / "checkpoints" / ".step-0000005.new").mkdir(parents=True)
    offered = make_run("cut", 10)
    (offered / "checkpoints" / checkpoint_name(5)).mkdir()
    found = history.list_interrupted(history.list_runs(runs_folder()))
    assert [(run.entry.folder, run.step) for run in found] == [(offered, 10)]


def test_it_is_resumed_from_the_first_page(qtbot: QtBot, home: Path, window: MainWindow) -> None:
    folder, row = make_run("my run", 10), window.welcome.interrupted
    window.runs.resume_events = lambda path, accept_changes, changes: (
        lambda stop, save_now: play_script(Run().replace("output", path), stop, save_now, steps=20)
    )
    window.go("welcome")
    row.look()
    qtbot.waitUntil(row.isVisible)
    assert row.sentence.text() == "“my run” was interrupted."
    assert row.detail.text().endswith("kept up to step 10 of 20.")
    row.resume_button.click()
    page = window.stack.currentWidget()
    assert isinstance(page, RunPage) and page.folder == folder
    qtbot.waitUntil(lambda: page.record.finished is not None, timeout=10_000)
    assert row.isHidden()
    window.go("welcome")
    row.look()
    qtbot.wait(100)
    assert row.isHidden()


def test_what_is_put_off_is_offered_again_only_after_it_went_on(qtbot: QtBot, home: Path, window: MainWindow) -> None:
    row = window.welcome.interrupted
    first, second = make_run("first", 10), make_run("second", 15)
    window.go("welcome")
    row.look()
    qtbot.waitUntil(row.isVisible)
    assert row.detail.text().endswith("One more stands among the runs.")
    row.not_now.click()
    qtbot.waitUntil(lambda: "stands" not in row.detail.text())
    row.not_now.click()
    qtbot.waitUntil(row.isHidden)
    assert {run.entry.folder for run in history.list_interrupted(history.list_runs(runs_folder()))} == {first, second}
    (first / "checkpoints" / checkpoint_name(12)).mkdir()
    window.go("welcome")
    row.look()
    qtbot.waitUntil(row.isVisible)
    assert row.sentence.text() == "“first” was interrupted."
