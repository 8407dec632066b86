"""How a run stands in the window: whether it waits, pauses, stops or is over, and what can be done with it now."""

from dataclasses import dataclass
from pathlib import Path

from app.desktop.language import tr
from app.runs.history import UNFINISHED
from app.runs.live_run import LiveRun
from app.runs.record import RunRecord
from core.run.folder import RUN


@dataclass(frozen=True)
class RunState:
    """The state of a run at one moment.

    Arguments:
        record: what it has reported.
        folder: where it is kept.
        live: the run where this window trains it, None for a run that is read from its folder.
        is_over: whether its thread has ended, or there was none.
        is_elsewhere: whether another window or program trains it.
    """

    record: RunRecord
    folder: Path
    live: LiveRun | None
    is_over: bool
    is_elsewhere: bool = False

    @property
    def active(self) -> LiveRun | None:
        """The run while it waits or trains in this window, else None."""
        return None if self.is_over else self.live

    @property
    def is_waiting(self) -> bool:
        return self.active is not None and self.active.is_waiting

    @property
    def is_saving(self) -> bool:
        return self.active is not None and self.active.is_saving

    @property
    def is_stopping(self) -> bool:
        return self.active is not None and self.active.is_stopping

    @property
    def is_pausing(self) -> bool:
        return self.active is not None and self.active.is_pausing

    @property
    def is_paused(self) -> bool:
        return self._stands and self.record.paused is not None and not self.record.problem

    @property
    def is_interrupted(self) -> bool:
        """Whether the run ended without an event that says how, as after a crash."""
        return self._stands and not self.record.is_over and self.record.paused is None

    @property
    def has_result(self) -> bool:
        return self.record.finished is not None and not self.record.problem

    @property
    def save_reason(self) -> str:
        """Why no checkpoint can be asked for now, or ""."""
        if self.is_saving:
            return tr("A checkpoint is being written.")
        if self.pause_reason:
            return self.pause_reason
        return "" if self.record.last_step is not None else tr("It has taken no step yet.")

    @property
    def can_pause(self) -> bool:
        """Whether there is anything left to pause."""
        return not self.pause_reason

    @property
    def pause_reason(self) -> str:
        """Why there is nothing to pause now, or ""."""
        started, last = self.record.started, self.record.last_step
        if not self._wait_reason and started is not None and last is not None and last.step >= started.total_steps:
            return tr("All its steps are done.")
        return self._wait_reason

    @property
    def _wait_reason(self) -> str:
        """Why nothing can be asked of a run but to stop, or ""."""
        if self.active is None:
            return tr("It is not training.")
        if self.active.is_waiting:
            return tr("It waits for its turn.")
        if self.is_stopping:
            return tr("It is stopping.")
        if self.is_pausing:
            return tr("It is pausing.")
        return "" if self.active.has_started and self.record.started is not None else tr("It is being prepared.")

    @property
    def can_stop(self) -> bool:
        """Whether it can be stopped or, while it stops, have left out what only tells how it went."""
        active = self.active
        return active is not None and not active.is_skipping and (active.has_started or not active.is_stopping)

    @property
    def can_resume(self) -> bool:
        """Whether a run that was stopped, interrupted or has failed can go on; one that pauses has a card for that."""
        finished = self.record.finished
        is_unfinished = finished is None or finished.reason in UNFINISHED
        return self._stands and is_unfinished and not self.is_paused and (self.folder / RUN).is_file()

    @property
    def _stands(self) -> bool:
        """Whether nobody trains it."""
        return self.is_over and not self.is_elsewhere
