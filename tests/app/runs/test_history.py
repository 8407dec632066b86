"""What the list of runs says of a run on disk: its result, and when it began."""

import os
from dataclasses import replace
from pathlib import Path

from app.runs.history import HistoryEntry, list_runs, read_entry
from core import events, methods
from core.events import Evaluated, Finished, Phase
from core.run import Run


def entry(folder: Path, *happened: events.Event, method: str = "sft") -> HistoryEntry:
    folder.mkdir()
    Run(method=method).replace("output", str(folder)).write(folder / "run.toml")
    (folder / "events.jsonl").write_text("".join(events.to_json(event) + "\n" for event in happened))
    found = read_entry(folder)
    assert found is not None
    return found


def test_a_run_that_was_stopped_shows_what_it_keeps(tmp_path: Path) -> None:
    before = Evaluated(0, 10.11, False, 100, {"accuracy": 0.4})
    stopped = Finished("stopped", 43, "Stopped.", 5.0, 10.11, 6.46, 43)
    assert entry(tmp_path / "a", before, stopped).result == "loss 6.460"
    assert entry(tmp_path / "b", before).result == "–"
    assert entry(tmp_path / "c", before, method="kto").result == "–"
    after = replace(stopped, metrics_after={"accuracy": 0.75})
    assert entry(tmp_path / "d", before, after, method="kto").result == "75% told right"


def test_results_are_sorted_by_what_is_shown(tmp_path: Path) -> None:
    told = [
        entry(tmp_path / f"k{n}", Evaluated(9, loss, False, 9, {"accuracy": share}), method="kto")
        for n, (loss, share) in enumerate(((0.2, 0.1), (0.5, 0.9)))
    ]
    losses = [entry(tmp_path / f"s{n}", Evaluated(9, loss, False, 9)) for n, loss in enumerate((2.0, 0.3))]
    without = entry(tmp_path / "none")
    ordered = sorted([without, *losses, *told], key=lambda e: e.rank)
    assert [e.result for e in ordered] == ["90% told right", "10% told right", "loss 0.300", "loss 2.000", "–"]
    assert methods.load()["kto"].criteria


def test_a_run_began_with_its_first_event(tmp_path: Path) -> None:
    assert (
        entry(tmp_path / "run", Phase("Preparing data", time=1000.0), Phase("Training", time=2000.0)).start_time == 1000
    )
    new = tmp_path / "new"
    new.mkdir()
    Run().replace("output", str(new)).write(new / "run.toml")
    os.utime(new / "run.toml", (500, 500))
    found = read_entry(new)
    assert found is not None and found.start_time == 500


def test_the_newest_run_comes_first(tmp_path: Path) -> None:
    for name, begun in (("a", 2000.0), ("b", 3000.0), ("c", 1000.0)):
        entry(tmp_path / name, Phase("Preparing data", time=begun))
    assert [found.name for found in list_runs(tmp_path)] == ["b", "a", "c"]
