"""Where a run goes on: its options with what is to be changed, and the newest checkpoint that is whole."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import BadModel, BadOption
from core.events import Event, Finished, Warned
from core.files.file_errors import explain
from core.model import hub
from core.run import Run
from core.run.folder import CHECKPOINTS, RUN, RunFolder
from core.text.sentence import join, say
from core.training import checkpoint


@dataclass(frozen=True)
class ResumePoint:
    """What an earlier part of a run has left."""

    checkpoint: Path | None  # None: there is none yet
    accept_changes: bool  # of what the run learns from
    ending: str  # the reason of its last Finished, "" where it had none
    changes: dict[str, Any]  # as in the event Resumed

    def describe_no_steps_left(self, step: int, total_steps: int) -> str:
        """A sentence where a run that was done goes on without a step to take, whatever was changed; else ""."""
        if self.ending != "done" or step < total_steps:
            return ""
        return say(
            "The run has taken its {step:,} steps already, and learns nothing more: give more --steps or --epochs.",
            step=step,
        )


def find_resume_point(
    folder: RunFolder, changes: dict[str, Any], accept_changes: bool
) -> Generator[Event, None, tuple[Run, ResumePoint]]:
    """The run of a folder with some options changed, and where it goes on; yields a warning about damaged checkpoints.

    Raises BadOption where it is finished and nothing changes, BadModel where there are checkpoints and none is whole.
    """
    before = Run.read(folder.path / RUN)
    run = replace(with_changes(before, changes).check(), output=str(folder.path))
    run = run.replace("model.path", hub.find_moved(run.model.path, folder.path))
    ending = _last_ending(folder.events())
    if ending in ("done", "early_stop") and not changes:
        raise BadOption(say("{path} is finished; give more --steps or --epochs to go on.", path=folder.path))
    newest = yield from _newest_whole_checkpoint(folder.path / CHECKPOINTS)
    noted = _note_changes(before, run, changes, folder.read_resolved())
    return run, ResumePoint(newest, accept_changes, ending, noted)


def with_changes(run: Run, changes: dict[str, Any]) -> Run:
    """The run with these options; steps take the place of epochs, and epochs that of steps."""
    for key, other in (("train.steps", "train.epochs"), ("train.epochs", "train.steps")):
        if changes.get(key) is not None and other not in changes:
            run = run.replace(other, None)
    for key, value in changes.items():
        run = run.replace(key, value)
    return run


def _note_changes(before: Run, run: Run, changes: dict[str, Any], resolved: dict[str, Any]) -> dict[str, Any]:
    """{key: [value before, value from now on]} of what is not as it was; before, where none was asked for, as used."""
    old, new = _flatten(before), _flatten(run)
    used = resolved.get("train")
    used = {f"train.{name}": value for name, value in used.items()} if isinstance(used, dict) else {}
    pairs = {key: [used.get(key) if old.get(key) is None else old[key], new.get(key)] for key in changes}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1] and pair[1] is not None}


def _flatten(run: Run) -> dict[str, Any]:
    """The options of a run by their keys in run.toml."""
    values: dict[str, Any] = {}
    for name, value in run.to_dict().items():
        values |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
    return values


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
            defects.append(say("{name}: {defect}", name=path.name, defect=defect))
    listed = join(defects, "; ")
    if defects and newest is None:
        raise BadModel(
            say(
                "No checkpoint in {folder} is whole ({listed}): start the run again in a new folder.",
                folder=folder,
                listed=listed,
            )
        )
    if defects and newest is not None:
        opening = say("Going on from step {newest}", newest=checkpoint.step_of(newest))
        yield Warned(
            "checkpoint",
            say("{opening}, as later checkpoints are not whole: {listed}.", opening=opening, listed=listed),
        )
    return newest
