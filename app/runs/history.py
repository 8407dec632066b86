"""The runs that lie on disk, told from their folders alone. No Qt."""

import math
import re
import time
from dataclasses import dataclass
from pathlib import Path

from app.runs.labels import shown_data, shown_model
from app.runs.record import Record
from core.errors import UserError
from core.events import Evaluated, Finished, Started, from_json
from core.methods import Criterion
from core.run import Run

_ALIVE = 120.0  # seconds: a log written to more lately may belong to a run of another program
_NAMED_BY_HONE = re.compile(r"\d{4}-\d\d-\d\d-\d{6}-")  # core.run.Run.with_output
_TELLING = ('{"event": "Started"', '{"event": "Evaluated"', '{"event": "Finished"')


@dataclass(frozen=True)
class Entry:
    """One run folder. `status` is in words; `resumable` says whether it can go on."""

    folder: Path
    name: str
    method: str
    model: str
    data: str
    status: str
    best: float | None  # lowest loss on held-out rows
    measured: dict[str, float]  # the newest metrics on held-out rows, of the kept model once the run is over
    steps: int
    seconds: float | None
    began: float
    resumable: bool
    criteria: tuple[Criterion, ...] = ()  # what the method's verdict goes by

    @property
    def result(self) -> str:
        """What the run came to, by what its method is after: a share of answers, or else the lowest loss."""
        for criterion in self.criteria:
            if criterion.metric in self.measured:
                return f"{self.measured[criterion.metric]:.0%} {criterion.short}"
        return "–" if self.best is None else f"loss {self.best:.3f}"

    @property
    def title(self) -> str:
        """The name a person gave the folder, or what it learned from where Hone named it."""
        return self.data if _NAMED_BY_HONE.match(self.name) else self.name


def entries(folder: Path) -> list[Entry]:
    """Every run below a folder, the newest first. What is no run is left out."""
    found = [e for sub in _folders(folder) if (e := entry(sub)) is not None]
    return sorted(found, key=lambda e: -e.began)


def entry(folder: Path) -> Entry | None:
    """What a run's folder says, or None when there is no run in it."""
    try:
        run = Run.read(folder / "run.toml")
    except UserError:
        return None
    log = folder / "events.jsonl"
    best: float | None = None
    measured: dict[str, float] = {}
    finished: Finished | None = None
    steps = 0
    for event in _telling(log):
        if isinstance(event, Evaluated) and math.isfinite(event.loss):
            best = event.loss if best is None else min(best, event.loss)
            measured = event.metrics
        elif isinstance(event, Started):
            steps, finished = event.total_steps, None
        elif isinstance(event, Finished):
            finished = event
            measured = event.metrics_after or measured
    changed = log.stat().st_mtime if log.exists() else (folder / "run.toml").stat().st_mtime
    alive = finished is None and time.time() - changed < _ALIVE
    return Entry(
        folder=folder,
        name=folder.name,
        method=run.spec.title,
        model=shown_model(run),
        data=shown_data(run),
        status="Active" if alive else status(finished),
        best=best,
        measured=measured,
        steps=steps,
        seconds=finished.seconds if finished else None,
        began=(folder / "run.toml").stat().st_mtime,
        resumable=not alive and (finished is None or finished.reason in ("stopped", "failed")),
        criteria=run.spec.criteria,
    )


def status(finished: Finished | None) -> str:
    """How a run ended, in a word or two."""
    if finished is None:
        return "Interrupted"
    words = {"done": "Done", "early_stop": "Done, stopped early", "stopped": "Stopped and kept", "failed": "Failed"}
    return words.get(finished.reason, finished.reason)


def record(folder: Path) -> Record:
    """The whole of a run's events. Lines that a crash cut off, and kinds not known here, are left out."""
    gathered = Record()
    log = folder / "events.jsonl"
    if log.exists():
        with log.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    gathered.add(from_json(line))
                except (ValueError, TypeError):
                    continue
    return gathered


def _folders(folder: Path) -> list[Path]:
    try:
        return [sub for sub in folder.iterdir() if sub.is_dir()]
    except OSError:
        return []


def _telling(log: Path) -> list[object]:
    """The few events that tell how a run went, without reading every step."""
    if not log.exists():
        return []
    found: list[object] = []
    with log.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(_TELLING):
                try:
                    found.append(from_json(line))
                except (ValueError, TypeError):
                    continue
    return found
