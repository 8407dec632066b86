"""The runs on disk, read from their folders. No Qt."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.desktop import preferences
from app.desktop.language import localize, tr
from app.runs.event_log import EventLog
from app.runs.labels import data_label, model_label
from app.runs.notes import RunNotes, read_notes
from app.runs.record import RunRecord
from app.runs.sparkline import read_losses, thin_out
from app.runs.status_text import ENDINGS
from core.errors import UserError
from core.events import Evaluated, Finished, Paused, Started
from core.methods import Criterion
from core.run import Run, runs_folder
from core.run.folder import CHECKPOINTS
from core.run.lock import is_locked

_NAMED_BY_HONE = re.compile(r"\d{4}-\d\d-\d\d-\d{6}-")  # core.run.Run.with_output
ACTIVE, DAMAGED, INTERRUPTED, PAUSED = "active", "damaged", "interrupted", "paused"
DONE, EARLY_STOP, STOPPED, FAILED = "done", "early_stop", "stopped", "failed"  # the reasons of a Finished event
UNFINISHED = (STOPPED, FAILED)  # those after which a run can go on
STATUSES = {
    ACTIVE: tr("Training elsewhere"),
    DAMAGED: tr("Damaged"),
    INTERRUPTED: tr("Interrupted"),
    PAUSED: tr("Paused"),
    **ENDINGS,
}
_FEW = 3  # evaluations: too few for a curve of their own
_CHECKPOINT = re.compile(r"step-\d+")  # core.run.event_log.checkpoint_name
_SUMMARY_EVENTS = ('{"event": "Started"', '{"event": "Evaluated"', '{"event": "Finished"', '{"event": "Paused"')


@dataclass(frozen=True)
class HistoryEntry:
    """One run folder. `status` is a key of STATUSES, or "" of a run that is not over; `resumable` says whether the run
    can be resumed."""

    folder: Path
    name: str
    method: str
    model: str
    data: str
    status: str
    # On held-out rows after training began: the lowest loss and the newest metrics; once the run is over, those of the
    # saved weights.
    best_loss: float | None
    eval_metrics: dict[str, float]
    steps: int
    seconds: float | None
    start_time: float
    resumable: bool
    criteria: tuple[Criterion, ...] = ()  # of the method's verdict
    damage: str = ""  # why the run, or a part of it, cannot be read
    problem: str = ""  # why the run failed, to be said with tr() where it is shown
    notes: RunNotes = field(default_factory=RunNotes)
    notes_damage: str = ""  # why the file of the notes cannot be read
    curve: tuple[float, ...] = ()  # a few values of the loss, on held-out rows where there are enough

    @property
    def result(self) -> str:
        """The result in words: the first metric of the method's criteria that was evaluated, or the lowest loss."""
        criterion = self._criterion
        if criterion is not None:
            return localize(f"{self.eval_metrics[criterion.metric]:.0%} {tr(criterion.short)}")
        return "–" if self.best_loss is None else tr("loss {loss:.3f}", loss=self.best_loss)

    @property
    def rank(self) -> tuple[int, str, float]:
        """What sorts results: runs without one last, those of one kind beside each other, the best of them first."""
        criterion = self._criterion
        if criterion is not None:
            return 0, criterion.short, -self.eval_metrics[criterion.metric]
        return (2, "", 0.0) if self.best_loss is None else (1, "", self.best_loss)

    @property
    def _criterion(self) -> Criterion | None:
        return next((criterion for criterion in self.criteria if criterion.metric in self.eval_metrics), None)

    @property
    def title(self) -> str:
        """The name that a person gave it; else that of the folder, or of the dataset where Hone named the folder."""
        if self.notes.name:
            return self.notes.name
        return self.data if _NAMED_BY_HONE.match(self.name) else self.name


def list_known() -> list[HistoryEntry]:
    """Every run in the folder of runs, and those that were trained here in other folders, the newest first."""
    return list_runs(runs_folder(), [Path(folder) for folder in preferences.run_folders()])


def list_runs(folder: Path, others: Iterable[Path] = ()) -> list[HistoryEntry]:
    """Every run below a folder and in the other ones, the newest first. Folders without a run are left out."""
    folders = dict.fromkeys([*_subfolders(folder), *others])
    entries = [entry for run_folder in folders if (entry := read_entry(run_folder)) is not None]
    return sorted(entries, key=lambda entry: -entry.start_time)


@dataclass(frozen=True)
class InterruptedRun:
    """A run that ended without an end, as after a crash, and the step of the newest checkpoint to go on from."""

    entry: HistoryEntry
    step: int

    @property
    def key(self) -> str:
        """Another one once the run has gone on."""
        return f"{self.entry.folder}:{self.step}"


def list_interrupted(entries: Iterable[HistoryEntry]) -> list[InterruptedRun]:
    """Those of these runs that were interrupted and can go on from a checkpoint."""
    entries = [entry for entry in entries if entry.status in (INTERRUPTED, PAUSED) and entry.resumable]
    steps = [_newest_checkpoint(entry.folder) for entry in entries]
    return [InterruptedRun(entry, step) for entry, step in zip(entries, steps, strict=True) if step is not None]


def _newest_checkpoint(folder: Path) -> int | None:
    """The step of a run's newest checkpoint; None where it has none."""
    names = [path.name for path in _subfolders(folder / CHECKPOINTS)]
    return max((int(name.rpartition("-")[2]) for name in names if _CHECKPOINT.fullmatch(name)), default=None)


def read_entry(folder: Path) -> HistoryEntry | None:
    """The entry of a run's folder, or None where there is no run in it, or none any more: it may be deleted meanwhile.

    What lies in another person's folder is not known: its entry says why.
    """
    try:
        return _read_entry(folder)
    except FileNotFoundError:
        return None


def _read_entry(folder: Path) -> HistoryEntry | None:
    try:
        if not (folder / "run.toml").is_file():
            return None
    except PermissionError:
        return _damaged_entry(folder, tr("There is no permission to read {folder}.", folder=folder))
    try:
        run = Run.read(folder / "run.toml")
    except UserError as error:
        return _damaged_entry(folder, tr(str(error)))
    log = EventLog(folder / "events.jsonl", _SUMMARY_EVENTS)
    best_loss: float | None = None
    eval_metrics: dict[str, float] = {}
    finished: Finished | None = None
    paused: Paused | None = None
    steps = 0
    eval_losses: list[float] = []
    for event in log:
        if isinstance(event, Evaluated) and math.isfinite(event.loss):
            eval_losses.append(event.loss)
            if event.step:
                best_loss = event.loss if best_loss is None else min(best_loss, event.loss)
                eval_metrics = event.metrics
        elif isinstance(event, Started):
            steps, finished, paused = event.total_steps, None, None
        elif isinstance(event, Paused):
            paused = event
        elif isinstance(event, Finished):
            finished = event
            eval_metrics = event.metrics_after or eval_metrics
            if event.loss_after is not None and math.isfinite(event.loss_after):
                best_loss = event.loss_after
    is_active = is_locked(folder)  # by this program or by another
    notes, notes_damage = read_notes(folder)
    return HistoryEntry(
        folder=folder,
        name=folder.name,
        method=tr(run.spec.title),
        model=model_label(run),
        data=data_label(run),
        status=ACTIVE if is_active else DAMAGED if log.damage else PAUSED if paused else _read_status(finished),
        best_loss=best_loss,
        eval_metrics=eval_metrics,
        steps=steps,
        seconds=finished.seconds if finished else paused.seconds if paused else None,
        # Not of run.toml, which is written anew where a pause changes it.
        start_time=(folder / "run.toml").stat().st_mtime if log.start_time is None else log.start_time,
        resumable=not is_active and (finished is None or finished.reason in UNFINISHED),
        criteria=run.spec.criteria,
        damage=log.damage,
        problem=finished.message if finished and finished.reason == "failed" else "",
        notes=notes,
        notes_damage=notes_damage,
        curve=thin_out(eval_losses) if len(eval_losses) >= _FEW else read_losses(folder / "events.jsonl"),
    )


def _damaged_entry(folder: Path, damage: str) -> HistoryEntry:
    """The entry of a run whose run.toml cannot be read."""
    try:
        start_time = (folder / "run.toml").stat().st_mtime
    except OSError:
        start_time = folder.stat().st_mtime
    entry = HistoryEntry(folder, folder.name, "–", "–", "–", DAMAGED, None, {}, 0, None, start_time, False, (), damage)
    notes, notes_damage = read_notes(folder)
    return replace(entry, notes=notes, notes_damage=notes_damage)


def _read_status(finished: Finished | None) -> str:
    return INTERRUPTED if finished is None else finished.reason


def describe_status(status: str) -> str:
    """A status of STATUSES in a word or two; another program's reason stands for itself."""
    return STATUSES.get(status, status)


def read_record(folder: Path) -> RunRecord:
    """A record of all events of a run that can be read; `damage` says what cannot."""
    record, log = RunRecord(), EventLog(folder / "events.jsonl")
    for event in log:
        record.add(event)
    record.damage = log.damage
    return record


def _subfolders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []
