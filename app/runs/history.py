"""The runs on disk, read from their folders. No Qt."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from app.runs.labels import data_label, model_label
from app.runs.record import RunRecord
from core.errors import UserError
from core.events import Evaluated, Finished, Started, from_json
from core.methods import Criterion
from core.run import Run
from core.run.lock import is_locked

_NAMED_BY_HONE = re.compile(r"\d{4}-\d\d-\d\d-\d{6}-")  # core.run.Run.with_output
_SUMMARY_EVENTS = ('{"event": "Started"', '{"event": "Evaluated"', '{"event": "Finished"')


@dataclass(frozen=True)
class HistoryEntry:
    """One run folder. `status` is in words; `resumable` says whether the run can be resumed."""

    folder: Path
    name: str
    method: str
    model: str
    data: str
    status: str
    best_loss: float | None  # lowest loss on held-out rows
    # The newest metrics on held-out rows; once the run is over, those of the saved weights.
    eval_metrics: dict[str, float]
    steps: int
    seconds: float | None
    start_time: float
    resumable: bool
    criteria: tuple[Criterion, ...] = ()  # of the method's verdict

    @property
    def result(self) -> str:
        """The result in words: the first metric of the method's criteria that was evaluated, or the lowest loss."""
        for criterion in self.criteria:
            if criterion.metric in self.eval_metrics:
                return f"{self.eval_metrics[criterion.metric]:.0%} {criterion.short}"
        return "–" if self.best_loss is None else f"loss {self.best_loss:.3f}"

    @property
    def title(self) -> str:
        """The folder's name where a person chose it, or the dataset's name where Hone named the folder."""
        return self.data if _NAMED_BY_HONE.match(self.name) else self.name


def list_runs(folder: Path) -> list[HistoryEntry]:
    """Every run below a folder, the newest first. Folders without a run are left out."""
    entries = [entry for run_folder in _subfolders(folder) if (entry := read_entry(run_folder)) is not None]
    return sorted(entries, key=lambda entry: -entry.start_time)


def read_entry(folder: Path) -> HistoryEntry | None:
    """The entry of a run's folder, or None where there is no run in it."""
    try:
        run = Run.read(folder / "run.toml")
    except UserError:
        return None
    log = folder / "events.jsonl"
    best_loss: float | None = None
    eval_metrics: dict[str, float] = {}
    finished: Finished | None = None
    steps = 0
    for event in _read_summary_events(log):
        if isinstance(event, Evaluated) and math.isfinite(event.loss):
            best_loss = event.loss if best_loss is None else min(best_loss, event.loss)
            eval_metrics = event.metrics
        elif isinstance(event, Started):
            steps, finished = event.total_steps, None
        elif isinstance(event, Finished):
            finished = event
            eval_metrics = event.metrics_after or eval_metrics
    is_active = is_locked(folder)  # by this program or by another
    return HistoryEntry(
        folder=folder,
        name=folder.name,
        method=run.spec.title,
        model=model_label(run),
        data=data_label(run),
        status="Active" if is_active else describe_status(finished),
        best_loss=best_loss,
        eval_metrics=eval_metrics,
        steps=steps,
        seconds=finished.seconds if finished else None,
        start_time=(folder / "run.toml").stat().st_mtime,
        resumable=not is_active and (finished is None or finished.reason in ("stopped", "failed")),
        criteria=run.spec.criteria,
    )


def describe_status(finished: Finished | None) -> str:
    """How a run ended, in a word or two."""
    if finished is None:
        return "Interrupted"
    words = {"done": "Done", "early_stop": "Done, stopped early", "stopped": "Stopped and kept", "failed": "Failed"}
    return words.get(finished.reason, finished.reason)


def read_record(folder: Path) -> RunRecord:
    """A record of all events of a run. Lines that a crash cut off, and events of unknown kinds, are left out."""
    record = RunRecord()
    log = folder / "events.jsonl"
    if log.exists():
        with log.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    record.add(from_json(line))
                except (ValueError, TypeError):
                    continue
    return record


def _subfolders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []


def _read_summary_events(log: Path) -> list[object]:
    """The few events that summarize a run. Lines of other events, such as of every step, are not parsed."""
    if not log.exists():
        return []
    events: list[object] = []
    with log.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(_SUMMARY_EVENTS):
                try:
                    events.append(from_json(line))
                except (ValueError, TypeError):
                    continue
    return events
