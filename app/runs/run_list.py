"""The rows of the list of runs: those on disk, those of this window, those that wait. No Qt."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.desktop.language import tr
from app.runs import history
from app.runs.history import HistoryEntry
from app.runs.kept_queue import QueuedRun
from app.runs.labels import data_label, model_label
from app.runs.record import RunRecord
from app.runs.sparkline import thin_out
from app.runs.status_text import format_duration
from core.run import Run
from core.run.folder import RUN

if TYPE_CHECKING:
    from app.runs.job_queue import JobQueue
    from app.runs.live_run import LiveRun

HELD, QUEUED, PREPARING, TRAINING = "held", "queued", "preparing", "training"
ELSEWHERE, PAUSED = "elsewhere", "paused"
DONE, STOPPED, FAILED, DAMAGED = "done", "stopped", "failed", "damaged"
WAITING = (HELD, QUEUED)
UNDER_WAY = (*WAITING, PREPARING, TRAINING, ELSEWHERE, PAUSED)

# What the list can be narrowed down to.
GROUPS = {
    "": tr("All runs"),
    "under way": tr("Under way, paused, waiting"),
    "done": tr("Done"),
    "stopped": tr("Stopped or interrupted"),
    "failed": tr("Failed or damaged"),
}
_MEMBERS = {"under way": UNDER_WAY, "done": (DONE,), "stopped": (STOPPED,), "failed": (FAILED, DAMAGED)}
_STATES = {
    history.ACTIVE: ELSEWHERE,
    history.DAMAGED: DAMAGED,
    history.FAILED: FAILED,
    history.DONE: DONE,
    history.EARLY_STOP: DONE,
    history.PAUSED: PAUSED,
}


@dataclass(frozen=True)
class RunRow:
    """A run in the list. `place` counts from 1 among those that wait, and `is_last` is the last of this window's queue;
    `on_disk` says whether its folder is there."""

    entry: HistoryEntry
    state: str
    live: "LiveRun | None" = None
    held: QueuedRun | None = None
    place: int = 0
    is_last: bool = False
    on_disk: bool = True

    @property
    def folder(self) -> Path:
        return self.entry.folder

    @property
    def begun(self) -> float:
        """Seconds since 1970; what waits comes after all others, the next one first."""
        return 1e15 - self.place if self.state in WAITING else self.entry.start_time

    @property
    def status(self) -> str:
        """The state in words."""
        if self.state == HELD:
            return tr("Waits for you")
        if self.state == QUEUED:
            return tr("Waits, next") if self.place == 1 else tr("Waits, place {place}", place=self.place)
        if self.state == PREPARING:
            return tr("Preparing")
        if self.state == TRAINING:
            fraction = self.live.record.fraction if self.live else None
            return tr("Training now") if fraction is None else tr("Training, {share:.0%}", share=fraction)
        return history.describe_status(self.entry.status)

    def read_run(self) -> Run:
        """The settings of the run. Raises BadOption where they cannot be read."""
        if not self.on_disk and self.live is not None:
            return self.live.run
        if not self.on_disk and self.held is not None:
            return self.held.run
        return Run.read(self.folder / RUN)

    @property
    def duration(self) -> str:
        """How long it trained, in words."""
        return "–" if self.entry.seconds is None else format_duration(self.entry.seconds)

    @property
    def sentence(self) -> str:
        """What is wrong with it, in the window's language, or ""."""
        return self.entry.damage or tr(self.entry.problem) or self.entry.notes_damage


def make_rows(
    entries: Sequence[HistoryEntry], jobs: "JobQueue", failed: Sequence["LiveRun"], held: Sequence[QueuedRun]
) -> list[RunRow]:
    """The rows for the runs on disk, those of a window's queue, those that failed in it, and those kept from before."""
    on_disk = {entry.folder: entry for entry in entries}
    rows: dict[Path, RunRow] = {entry.folder: RunRow(entry, find_state(entry)) for entry in entries}
    for live in failed:
        row = _live_row(live, FAILED, on_disk)
        if row.folder not in on_disk or on_disk[row.folder].status in (history.INTERRUPTED, history.FAILED):
            entry = replace(row.entry, status=history.FAILED, problem=live.record.problem)
            rows[row.folder] = replace(row, entry=entry, live=None)
    for place, kept in enumerate(held, 1):
        entry = on_disk.get(Path(kept.run.output or "")) or make_entry(kept.run)
        rows[entry.folder] = RunRow(
            entry, HELD, held=kept, place=len(jobs.waiting_runs) + place, on_disk=entry.folder in on_disk
        )
    for place, live in enumerate(jobs.waiting_runs, 1):
        row = _live_row(live, QUEUED, on_disk)
        rows[row.folder] = replace(row, place=place, is_last=place == len(jobs.waiting_runs))
    if jobs.current is not None:
        is_preparing = jobs.current.record.started is None
        row = _live_row(jobs.current, PREPARING if is_preparing else TRAINING, on_disk)
        rows[row.folder] = row
    return list(rows.values())


def find_state(entry: HistoryEntry) -> str:
    """The state of a run that this window does not train."""
    return _STATES.get(entry.status, STOPPED)


def make_entry(run: Run, record: RunRecord | None = None) -> HistoryEntry:
    """The entry of a run that is not on disk yet, or not to the end."""
    folder, record = Path(run.output or ""), record or RunRecord()
    losses = list(record.eval_loss.y) if len(record.eval_loss) >= 3 else list(record.loss.y)
    measured = next((e.metrics for e in reversed(record.evaluations) if e.step), {})
    return HistoryEntry(
        folder=folder,
        name=folder.name,
        method=tr(run.spec.title),
        model=model_label(run),
        data=data_label(run),
        status="",
        best_loss=record.kept[0] if record.kept else None,
        eval_metrics=(record.finished.metrics_after if record.finished else {}) or measured,
        steps=record.started.total_steps if record.started else 0,
        seconds=record.last_step.seconds if record.last_step else None,
        start_time=record.start_time or time.time(),
        resumable=False,
        criteria=run.spec.criteria,
        curve=thin_out(losses),
    )


def _live_row(live: "LiveRun", state: str, on_disk: dict[Path, HistoryEntry]) -> RunRow:
    entry = make_entry(live.run, live.record)
    kept = on_disk.get(entry.folder)
    if kept is not None:  # the folder knows more than this window: its notes, and where it stands
        entry = replace(entry, notes=kept.notes, notes_damage=kept.notes_damage, resumable=kept.resumable)
    return RunRow(entry, state, live=live, on_disk=kept is not None)


def narrow(rows: Iterable[RunRow], search: str = "", group: str = "", method: str = "") -> list[RunRow]:
    """The rows of a group of GROUPS and a method's title that hold every word of a search."""
    words = search.casefold().split()
    return [
        row
        for row in rows
        if (not group or row.state in _MEMBERS[group])
        and (not method or row.entry.method == method)
        and all(word in _searchable(row.entry) for word in words)
    ]


def _searchable(entry: HistoryEntry) -> str:
    notes = entry.notes
    parts = (entry.title, entry.name, entry.model, entry.data, entry.method, *notes.tags, notes.text)
    return "\n".join(parts).casefold()
