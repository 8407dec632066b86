"""The one way a run is done: train(run) and resume(folder) are generators of events, and nothing else drives a model.

All MLX work of a run happens on the thread that iterates the generator, save batches that a processor computes side by
side (core.device.parallel), for whose end it waits.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.device.cuda_compiler import first_steps
from core.device.gpu_failure import find_failure
from core.device.keep_awake import keep_awake
from core.device.release import releasing
from core.device.wired_memory import wired
from core.distributed.group import RankFailed
from core.distributed.launched import current_group
from core.distributed.session import joined
from core.errors import Unavailable
from core.events import Event, Paused, Resumed, Warned
from core.files.file_errors import explain
from core.rollouts import SamplingStopped
from core.run import Run
from core.run.folder import RunFolder
from core.stop_request import pauses
from core.text.sentence import say
from core.training import checkpoint
from core.training.dry_run import dry_run, limit_cache
from core.training.endings import logged
from core.training.inputs import check_changes
from core.training.prepare import prepare
from core.training.ranks import (
    agree_on_inputs,
    agree_on_options,
    agreed_stop,
    bare,
    check_for_ranks,
    copy_start,
    scratch_folder,
    telling_ranks,
)
from core.training.recovery import Recovery
from core.training.resume_point import ResumePoint, find_resume_point, with_changes
from core.training.stopping import refuse_stopped, until_stopped
from core.training.train_step import TrainStep
from core.training.trainer import Trainer


def train(run: Run, stop: threading.Event | None = None, *, save_now: threading.Event | None = None) -> Iterator[Event]:
    """Do a run from start to end.

    Arguments:
        run: what to do. Without an `output` it gets a new folder among Hone's runs.
        stop: set it to finish the current step, save a checkpoint to resume from, and keep the best adapter so far. A
            core.stop_request.StopRequest can also be asked to pause: then Paused is the last event in place of
            Finished, and nothing of the run stays in memory.
        save_now: set it to write a checkpoint after the current step; it is cleared then.

    Yields core.events.Event as things happen: Phase and Warned while loading, Started, a Step for each optimizer step,
    Evaluated, Sample and Saved in between, and Finished as the last. The same events go to events.jsonl in the run's
    folder, progress within a phase left out. Closing the generator ends the run where it stands.

    Raises UserError (BadOption, BadData, BadModel, Unavailable) with one sentence for what a person can put right; what
    was saved before stays on disk.
    """
    with joined() as session, telling_ranks(session.group) as group:
        run = run.check()
        check_for_ranks(run, group)
        if not group.is_first:
            yield from _follow(run, stop)
            return
        run = run.with_output().with_absolute_paths()
        folder = RunFolder.plan(run)
        with keep_awake():
            yield from releasing(logged(folder, _execute(run, folder, stop, save_now)))


def resume(
    path: Path | str,
    stop: threading.Event | None = None,
    *,
    save_now: threading.Event | None = None,
    changes: dict[str, Any] | None = None,
    accept_changes: bool = False,
) -> Iterator[Event]:
    """Go on with a run that was stopped or died, from its newest checkpoint (or from the start if it has none).

    What follows equals the unbroken run, number by number.

    Arguments:
        path: the run's folder.
        stop, save_now: as for train().
        changes: options to set anew, by their keys in run.toml: {"train.steps": 500}. They are written to run.toml
            once the run has begun with them.
        accept_changes: go on although the data, the model or what else is learned from is not what it was. Losses on
            other held-out rows are not compared with those before.

    Yields the events of train(), from the checkpoint's step on. Raises UserError as train() does, ChangedInputs where
    the inputs are not what they were, and BadOption where the folder holds no run, one that another process trains, or
    one that is finished and gets no changes.
    """
    with joined() as session, telling_ranks(session.group) as group:
        if not group.is_first:
            run = Run.from_toml(group.broadcast(), say("The run"))
            yield from _follow(with_changes(run, changes or {}), stop)
            return
        folder = RunFolder.open(Path(path).expanduser())

        def go_on() -> Iterator[Event]:
            run, point = yield from find_resume_point(folder, changes or {}, accept_changes)
            check_for_ranks(run, group)
            group.broadcast(run.to_toml())
            yield from _execute(run, folder, stop, save_now, point)

        with keep_awake():
            yield from releasing(logged(folder, go_on()))


def _follow(run: Run, stop: threading.Event | None) -> Iterator[Event]:
    """A run as another rank than the first does it: it computes its part and keeps nothing."""
    with keep_awake(), scratch_folder(run.with_absolute_paths()) as (run, folder):
        yield from bare(releasing(logged(folder, _execute(run, folder, stop, None))))


def _execute(
    run: Run,
    folder: RunFolder,
    stop: threading.Event | None,
    save_now: threading.Event | None,
    point: ResumePoint | None = None,
) -> Iterator[Event]:
    """Set the run up, go through its steps, for a resumed run from where `point` says, and finish it.

    The folder is written once the first step can be taken: a run that cannot start, or go on, leaves it as it was.
    """
    asked, save_now, group = stop or threading.Event(), save_now or threading.Event(), current_group()
    stop, group.can_resume = agreed_stop(group, asked), bool(point and point.checkpoint)
    agree_on_options(run)
    setup = yield from until_stopped(prepare(run, folder, stop), asked)
    memory_limit, wiring = mx.get_memory_limit(), ExitStack()
    train_step: TrainStep | None = None
    trainer: Trainer | None = None
    try:
        refuse_stopped(asked)
        agree_on_inputs(setup.resolved.inputs)
        if setup.on_gpu and (note := first_steps()):
            yield Warned("first-steps", note)
        train_step = TrainStep(setup)
        limit_cache(setup.on_gpu)
        mx.reset_peak_memory()
        progress = checkpoint.Progress()
        newest = point.checkpoint if point else None
        if point and newest:
            note = check_changes(folder.path, folder.read_resolved(), setup.resolved.inputs, point.accept_changes)
            if note:
                yield Warned("changed-inputs", note)
            progress, optimizer_state = checkpoint.restore(newest, setup.model, train_step.optimizer.state)
            train_step.begin(optimizer_state)
            if point.ending == "early_stop":  # and a person wants it to go on
                progress.evaluations_without_best = 0
            if note := point.describe_no_steps_left(progress.step, setup.schedule.total_steps):
                yield Warned("no-steps-left", note)
        progress, is_fresh = copy_start(group, train_step, progress, newest is None)
        group.can_resume = not is_fresh
        recovery = Recovery(setup, train_step)
        dry_run(setup, train_step, recovery)
        refuse_stopped(asked)
        memory = setup.resolved.memory
        needed = memory.measured or (memory.estimate or {}).get("high")
        memory = replace(memory, wired=wiring.enter_context(wired(needed)))
        setup.resolved = replace(setup.resolved, memory=memory)
        if group.is_first:
            yield from setup.write_folder(progress.step if newest else None)
        if newest:
            with explain(newest):
                checkpoint.remove_old(newest, progress, run.train.keep_checkpoints)
        trainer = Trainer(setup, train_step, progress, recovery, is_fresh)
        yield setup.started(first_step=progress.step + 1)
        if point:
            yield Resumed(progress.step, point.changes)
        try:
            reason = yield from trainer.steps(stop, save_now)
        except SamplingStopped:  # while answers were written
            reason = "paused" if pauses(stop) else "stopped"
        except (Unavailable, RuntimeError) as error:
            if isinstance(error, RankFailed) or find_failure(error.__cause__ or error):
                yield from trainer.save_what_stands(error)
            raise
        if not trainer.is_saved:
            yield trainer.save()
        yield from trainer.end_engine()
        if reason == "paused":
            yield Paused(progress.step, progress.seconds)
        else:
            trainer.end_steps()
            yield from trainer.evaluation.finish(reason)
    finally:
        wiring.close()
        mx.set_memory_limit(memory_limit)
        setup.close()
        if train_step:
            train_step.close()
        if trainer:
            trainer.close()
