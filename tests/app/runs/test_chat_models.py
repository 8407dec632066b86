"""Each model that can be talked to has a title of its own."""

import datetime
from dataclasses import replace
from pathlib import Path

from app.runs.chat_models import STARTER, list_models
from app.runs.history import HistoryEntry, read_entry
from app.runs.notes import RunNotes
from core.run import Run

NOON = datetime.datetime(2026, 11, 29, 12, 0, 4).timestamp()


def entry(folder: Path, start_time: float, name: str = "") -> HistoryEntry:
    folder.mkdir()
    Run().replace("output", str(folder)).write(folder / "run.toml")
    (folder / "events.jsonl").touch()
    (folder / "adapters.safetensors").touch()
    found = read_entry(folder)
    assert found is not None
    return replace(found, start_time=start_time, notes=RunNotes(name))


def test_runs_of_one_minute_are_told_apart_by_the_second(tmp_path: Path) -> None:
    names = [f"2026-11-29-1200{n:02}-sft-demo" for n in range(3)]
    entries = [entry(tmp_path / name, NOON + 5 * n) for n, name in enumerate(names[:2])]
    entries.append(entry(tmp_path / names[2], NOON + 600))
    starter, first, second, third = list_models(entries)
    assert starter == STARTER
    assert first.title == "Starter model + Sample data, 29 Nov 12:00:04"
    assert second.title == "Starter model + Sample data, 29 Nov 12:00:09"
    assert third.title == "Starter model + Sample data, 29 Nov 12:10"


def test_a_run_goes_by_the_name_that_a_person_gave_it(tmp_path: Path) -> None:
    _, model = list_models([entry(tmp_path / "2026-11-29-120000-sft-demo", NOON, "The good one")])
    assert model.title == "Starter model + The good one, 29 Nov 12:00"
