"""Where a run goes on: its options with what is to be changed, and the newest checkpoint that is whole."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.atomic_files import explain
from core.errors import BadModel, BadOption
from core.events import Event, Finished, Warned
from core.model import hub
from core.run import Run
from core.run.folder import CHECKPOINTS, RUN, RunFolder
from core.training import checkpoint


@dataclass(frozen=True)
class ResumePoint:
    """What an earlier part of a run has left."""

    checkpoint: Path | None  # None: there is none yet
    accept_changes: bool  # of what the run learns from
    was_early_stopped: bool  # and a person wants it to go on


def find_resume_point(
    folder: RunFolder, changes: dict[str, Any], accept_changes: bool
) -> Generator[Event, None, tuple[Run, ResumePoint]]:
    """The run of a folder with some options changed, and where it goes on; yields a warning about damaged checkpoints.

    Raises BadOption where it is finished and nothing changes, BadModel where there are checkpoints and none is whole.
    """
    run = Run.read(folder.path / RUN)
    for key, value in changes.items():
        run = run.replace(key, value)
    run = replace(run.check(), output=str(folder.path))
    run = run.replace("model.path", hub.find_moved(run.model.path, folder.path))
    ending = _last_ending(folder.events())
    if ending in ("done", "early_stop") and not changes:
        raise BadOption(f"{folder.path} is finished; give more --steps or --epochs to go on.")
    newest = yield from _newest_whole_checkpoint(folder.path / CHECKPOINTS)
    return run, ResumePoint(newest, accept_changes, ending == "early_stop")


def _last_ending(events: Iterable[Event]) -> str:
    reason = ""
    for event in events:
        if isinstance(event, Finished):
            reason = event.reason
    return reason


def _newest_whole_checkpoint(folder: Path) -> Generator[Event, None, Path | None]:
    """The checkpoint to go on from, with a warning about damaged ones after it; None where there is none at all."""
    defects: list[str] = []
    newest = None
    with explain(folder):
        for path in reversed(checkpoint.list_checkpoints(folder)):
            defect = checkpoint.find_defect(path)
            if not defect:
                newest = path
                break
            defects.append(f"{path.name}: {defect}")
    listed = "; ".join(defects)
    if defects and newest is None:
        raise BadModel(f"No checkpoint in {folder} is whole ({listed}): start the run again in a new folder.")
    if defects and newest is not None:
        opening = f"Going on from step {checkpoint.step_of(newest)}"
        yield Warned("checkpoint", f"{opening}, as later checkpoints are not whole: {listed}.")
    return newest
