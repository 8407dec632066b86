"""How long a step takes on this computer, as it was measured: by the check before a start, or in an earlier run.

Nothing is guessed: where nothing was measured for a run like this one, its time is not known. No Qt.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from app.runs.event_log import EventLog
from core.errors import UserError
from core.events import Started, Step
from core.run import Run

_MOST_RUNS = 30  # that are looked at, the newest first
_LEAST_STEPS = 3  # of a run: its first steps compile shapes and fill caches
_EVENTS = ('{"event": "Started"', '{"event": "Step"')
# What the time of a step depends on, apart from the method and its options; the rank hardly matters.
_KEYS = ("model.path", "model.dtype", "model.quantization", "data.path", "data.max_seq_len", "adapter.type",
         "adapter.targets", "adapter.layers", "train.batch_size", "train.gradient_accumulation_steps",
         "train.gradient_checkpointing")  # fmt: skip


@dataclass(frozen=True)
class StepTime:
    """What was measured of `run`, for runs like it."""

    run: Run
    step_seconds: float  # of one optimizer step, with its share of the validations where that is known
    steps_per_epoch: float

    def suits(self, run: Run) -> bool:
        """Whether a step of this run takes as long."""
        if (run.method, run.options, run.backend) != (self.run.method, self.run.options, self.run.backend):
            return False
        return all(_value(run, key) == _value(self.run, key) for key in _KEYS)

    def steps(self, run: Run) -> int:
        """The optimizer steps of a run like it."""
        if run.train.steps is not None:
            return run.train.steps
        return max(1, math.ceil(count_epochs(run) * self.steps_per_epoch))

    def seconds(self, run: Run) -> float:
        """The seconds that the steps of a run take."""
        return self.steps(run) * self.step_seconds


class StepTimes:
    """What was measured while the window is open, and what the runs in a folder took."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._measured: list[StepTime] = []
        self._of_runs: list[StepTime] | None = None

    def add(self, time: StepTime) -> None:
        """Remember what was measured."""
        self._measured.append(time)

    def find(self, run: Run) -> StepTime | None:
        """What was measured last for a run like this one. Reads files: for a task's thread."""
        self._of_runs = list_step_times(self._folder)
        return next((time for time in (*reversed(self._measured), *self._of_runs) if time.suits(run)), None)


def list_step_times(folder: Path) -> list[StepTime]:
    """What the steps of the runs in a folder took, the newest run first."""
    try:
        files = sorted(folder.glob("*/run.toml"), key=lambda path: -path.stat().st_mtime)
    except OSError:
        return []
    times = (read_step_time(path.parent) for path in files[:_MOST_RUNS])
    return [time for time in times if time is not None]


def read_step_time(folder: Path) -> StepTime | None:
    """What the steps of a run took, None where too few are known."""
    try:
        run = Run.read(folder / "run.toml")
    except UserError:  # which the list of runs tells
        return None
    started, first, last = None, None, None
    for event in EventLog(folder / "events.jsonl", _EVENTS):
        if isinstance(event, Started):
            started, first, last = event, None, None
        elif isinstance(event, Step):
            first, last = first or event, event
    if started is None or first is None or last is None or last.step - first.step < _LEAST_STEPS or not started.epochs:
        return None
    return StepTime(
        run, (last.seconds - first.seconds) / (last.step - first.step), started.total_steps / started.epochs
    )


def count_epochs(run: Run) -> float:
    """How often a run goes through its data, where it does not end after a number of steps."""
    return run.spec.epochs if run.train.epochs is None else run.train.epochs


def from_measured(run: Run, steps: int, seconds: float, rows: int) -> StepTime:
    """What the check before a start measured: that a run of so many steps over these rows takes so long."""
    per_step = run.train.batch_size * run.train.gradient_accumulation_steps
    per_epoch = steps / count_epochs(run) if run.train.steps is None else math.ceil(rows / per_step)
    return StepTime(run, seconds / steps, per_epoch)


def _value(run: Run, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(run, section), name)
