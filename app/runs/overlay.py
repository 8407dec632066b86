"""Other runs whose curves are drawn over a run's. No Qt."""

from dataclasses import dataclass
from pathlib import Path

from app.runs.history import HistoryEntry, list_runs, read_record
from app.runs.record import RunRecord

MOST = 40  # runs that are offered, the newest


@dataclass(frozen=True)
class Overlay:
    """A run that is drawn over another."""

    folder: Path
    name: str
    record: RunRecord


def list_others(folder: Path) -> list[HistoryEntry]:
    """The other runs in the folder that a run lies in, the newest first."""
    return [entry for entry in list_runs(folder.parent) if entry.folder != folder][:MOST]


def read_overlay(folder: Path, name: str) -> Overlay:
    """A run's record, to draw it over another."""
    return Overlay(folder, name, read_record(folder))


def name_entries(entries: list[HistoryEntry]) -> dict[Path, str]:
    """What each run is called in a menu and a legend: its title and method, and its folder where two share them."""
    names = {entry.folder: f"{entry.title}, {entry.method}" for entry in entries}
    shared = [name for name in names.values() if list(names.values()).count(name) > 1]
    return {folder: f"{name} ({folder.name})" if name in shared else name for folder, name in names.items()}
