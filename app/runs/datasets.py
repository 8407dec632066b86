"""The datasets that were opened on this computer: remembered with their counts, so that a list of them opens at once.

Kept in the data folder as datasets.json, the latest first. No Qt.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from app.desktop import preferences
from app.runs.inputs import RunInputs
from core.data.read.files import split_paths
from core.run import DEMO, Run
from core.text.sentence import pack, unpack

MOST = 200  # datasets that are remembered
HERE, CHANGED, GONE, ON_HUB = "here", "changed", "gone", "hub"


@dataclass(frozen=True)
class KnownDataset:
    """A dataset. The counts are None until it has been read whole; they are those of files with `stamp`."""

    path: str  # data.path of a run
    eval_path: str | None = None
    method: str = "sft"  # with which it was opened
    format: str = ""  # such as "Chat", as the core says it
    rows: int | None = None
    left_out: int = 0
    problems: dict[str, int] = field(default_factory=dict)  # how often each kind of finding was met
    stamp: str = ""  # changes with the files
    last_used: float = 0.0


@dataclass(frozen=True)
class ListedDataset:
    """A dataset with what is so now: HERE, CHANGED since it was read, GONE or ON_HUB; and the runs that learned
    from it, the newest first."""

    dataset: KnownDataset
    state: str
    runs: tuple[RunInputs, ...]


def datasets_file() -> Path:
    return preferences.data_folder() / "datasets.json"


def load() -> list[KnownDataset]:
    """What is remembered; nothing where the file is missing or damaged."""
    try:
        values = unpack(json.loads(datasets_file().read_text(encoding="utf-8")))
        names = {f.name for f in fields(KnownDataset)}
        return [KnownDataset(**{k: v for k, v in value.items() if k in names}) for value in values][:MOST]
    except (OSError, ValueError, TypeError, AttributeError):
        return []


def remember(run: Run, format_name: str, rows: int, left_out: int, problems: Mapping[str, int]) -> None:
    """Keep what was found in a run's data, which were read whole; the sample data are not kept."""
    d = run.data
    if d.path == DEMO:
        return
    entry = KnownDataset(
        d.path, d.eval_path, run.method, format_name, rows, left_out, dict(problems), make_stamp(d.path), time.time()
    )
    _save([entry, *(known for known in load() if known.path != d.path)])


def forget(path: str) -> None:
    """Take a dataset off the list; its files stay."""
    known = [entry for entry in load() if entry.path != path]
    _save([KnownDataset(path, last_used=-1.0), *known])  # else the runs that learned from it would bring it back


def list_datasets(runs: Iterable[RunInputs]) -> list[ListedDataset]:
    """Everything that is remembered, and what the runs learned from, the latest first. Looks at the files."""
    used: dict[str, list[RunInputs]] = {}
    for run in runs:
        if run.data and run.data != DEMO:
            used.setdefault(run.data, []).append(run)
    entries = {entry.path: entry for entry in load()}
    for path, learned in used.items():
        entry = entries.setdefault(path, KnownDataset(path, method=learned[0].method))
        if entry.last_used >= 0:
            entries[path] = replace(entry, last_used=max(entry.last_used, learned[0].start_time))
    listed = [
        ListedDataset(entry, find_state(entry), tuple(used.get(entry.path, ())))
        for entry in entries.values()
        if entry.last_used >= 0
    ]
    return sorted(listed, key=lambda item: -item.dataset.last_used)


def find_state(entry: KnownDataset) -> str:
    """HERE, CHANGED, GONE or ON_HUB."""
    stamp = make_stamp(entry.path)
    if not stamp:
        is_id = not Path(entry.path).is_absolute() and entry.path.count("/") == 1
        return ON_HUB if is_id else GONE
    return CHANGED if entry.stamp and stamp != entry.stamp else HERE


def stamp_run(run: Run) -> tuple[str, ...]:
    """Changes with the files that a run learns from and is measured on."""
    return tuple(make_stamp(path) for path in (run.data.path, run.data.eval_path) if path)


def make_stamp(path: str) -> str:
    """Names, sizes and times of a dataset's files; "" where one is gone."""
    parts: list[str] = []
    try:
        for name in split_paths(path):
            place = Path(name)
            files = sorted(f for f in place.iterdir() if f.is_file()) if place.is_dir() else [place]
            parts += [f"{f.name}:{f.stat().st_size}:{f.stat().st_mtime_ns}" for f in files]
    except OSError:
        return ""
    return "|".join(parts)


def _save(entries: list[KnownDataset]) -> None:
    path = datasets_file()
    values: list[dict[str, Any]] = [asdict(entry) for entry in entries[:MOST]]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(pack(values), ensure_ascii=False), encoding="utf-8")
    temporary.replace(path)
