"""Runs whose files are damaged: they are listed with the reason, and their pages show what can be read."""

import json
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.pages.run import RunPage
from app.runs import history
from app.shell.window import MainWindow
from core.run import Run, runs_folder
from tests.app.conftest import play_script


def make_run(folder: Path, *lines: str) -> Path:
    """A run that was cut off, with these lines at the end of its events."""
    list(play_script(Run().replace("output", str(folder)), Flag(), Flag(), steps=5))
    log = folder / "events.jsonl"
    log.write_text("".join(f"{line}\n" for line in (*log.read_text().splitlines()[:-1], *lines)))
    return folder


def finished(**values: Any) -> str:
    return json.dumps({"event": "Finished", "reason": "done", "step": 5, "message": "", "seconds": 1.0, **values})


@pytest.mark.parametrize(
    "line",
    [
        finished(reason=None),
        finished(seconds="x"),
        finished(metrics_after=5),
        finished(time=1e300),
        '{"event": "Finished"}',
        '{"event": "Finished", "reason"',
    ],
)
def test_a_damaged_end_is_told(tmp_path: Path, line: str) -> None:
    folder = make_run(tmp_path / "r", line)
    number = len((folder / "events.jsonl").read_text().splitlines())
    damage = f"Line {number} of events.jsonl is no event and cannot be read."
    entry = history.read_entry(folder)
    assert entry is not None and (entry.status, entry.damage) == (history.DAMAGED, damage)
    record = history.read_record(folder)
    assert (record.damage, record.finished) == (damage, None)
    assert record.last_step is not None and record.last_step.step == 5


def test_several_lines_are_counted_and_what_is_no_damage_is_not(tmp_path: Path) -> None:
    log = make_run(tmp_path / "r", "", '{"event": "FromTheFuture"}') / "events.jsonl"
    log.write_text(log.read_text() + '{"event": "Step", "st')  # cut off by a crash
    assert history.read_record(log.parent).damage == ""
    lines = log.read_text().splitlines()
    lines[4:7] = ["[]", "\0\0", "5"]
    log.write_text("\n".join(lines))
    assert history.read_record(log.parent).damage == (
        "Line 5 of events.jsonl is no event and cannot be read, nor can 2 others."
    )


def test_a_damaged_run_is_listed_and_opened(qtbot: QtBot, window: MainWindow) -> None:
    make_run(runs_folder() / "cut", finished(reason=None, message=None))
    unreadable = make_run(runs_folder() / "unreadable")
    (unreadable / "run.toml").write_text("method = 7")
    page = window.runs_page
    window.go("runs")
    qtbot.waitUntil(lambda: page.table.model().rowCount() == 2)
    rows = {page._model.item(n).entry.name: n for n in range(2)}
    assert {page._model.item(n).status for n in range(2)} == {"Damaged"}
    page.table.selectRow(rows["unreadable"])
    assert "method" in page.buttons.reason.text()
    assert not page.buttons.resume.isEnabled()
    assert not page.buttons.open.isEnabled()
    page.table.selectRow(rows["cut"])
    assert "is no event" in page.buttons.reason.text()
    page.buttons.open.click()
    run_page = window.stack.currentWidget()
    assert isinstance(run_page, RunPage)
    assert run_page.notice.isVisible()
    assert run_page.notice.sentence.text().startswith("This run is damaged. Line ")
    assert run_page.progress.phase.text() == "Interrupted"


@pytest.mark.parametrize("value", [None, -1, 10**30, 1e308, "x", True, [], {}, {"a": "b"}, {"a": None}])
def test_no_value_of_an_event_stops_the_window(qtbot: QtBot, window: MainWindow, tmp_path: Path, value: Any) -> None:
    """Every field of every event with a value that does not belong there; then every tab of the page is drawn."""
    folder = make_run(tmp_path / "r", finished())
    log = folder / "events.jsonl"
    events = {json.loads(line)["event"]: json.loads(line) for line in log.read_text().splitlines()}
    bad = [json.dumps({**event, field: value}) for event in events.values() for field in event if field != "event"]
    log.write_text("".join(f"{line}\n" for line in bad))
    history.read_entry(folder)
    page = window.runs.show_folder(folder)
    for n in range(page.tabs.stack.count()):
        page.tabs.show_page(page.tabs.stack.widget(n))
        page._draw()
        qtbot.wait(1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_is_deleted_while_it_is_read_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    make_run(tmp_path / "stays")
    read = Run.read

    def vanish(path: Path) -> Run:
        run = read(path) if when == "after" or path.parent.name == "stays" else None
        if path.parent.name == "goes":
            path.parent.rename(tmp_path.parent / f"{tmp_path.name}-trash")
        return run or read(path)

    make_run(tmp_path / "goes")
    monkeypatch.setattr(Run, "read", vanish)
    assert [entry.name for entry in history.list_runs(tmp_path)] == ["stays"]
