"""The one training loop: train(run) and resume(folder) are generators of events, and nothing else drives a model.

All MLX work of a run happens on the thread that iterates the generator, save batches that a processor computes side by
side (core.device.parallel), for whose end it waits.
"""

import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.ane.forward import ForwardPasses
from core.ane.watch import EngineWatch
from core.atomic_files import explain
from core.device.gpu_failure import find_failure
from core.device.keep_awake import keep_awake
from core.device.release import releasing
from core.device.select import select
from core.device.wired_memory import wired
from core.distributed.group import RankFailed, current_group
from core.distributed.session import joined
from core.errors import Unavailable
from core.events import Event, Paused, Phase, Resumed, Saved, Warned
from core.resolved import Decision
from core.rollouts import SamplingStopped
from core.run import Run
from core.run.event_log import CHECKPOINT
from core.run.folder import CHECKPOINTS, RunFolder
from core.stop_request import pauses
from core.text.sentence import join_and, say
from core.training import checkpoint
from core.training.ane_setup import with_counts, without_engine
from core.training.dry_run import dry_run, limit_cache
from core.training.endings import logged
from core.training.evaluation import Evaluation
from core.training.inputs import check_changes
from core.training.machine_watch import MachineWatch
from core.training.optimizer_step import OptimizerStepper, UpdateFailed
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
from core.training.setup import Setup, prepare
from core.training.stopping import refuse_stopped, until_stopped
from core.training.train_step import TrainStep

WORTH_TELLING = 100 << 20  # bytes


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
    stop = agreed_stop(group, asked)
    agree_on_options(run)
    setup = yield from until_stopped(prepare(run, folder, stop), asked)
    memory_limit, wiring = mx.get_memory_limit(), ExitStack()
    train_step: TrainStep | None = None
    trainer: Trainer | None = None
    try:
        refuse_stopped(asked)
        agree_on_inputs(setup.resolved.inputs)
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
            if point.was_early_stopped:
                progress.evaluations_without_best = 0
        progress, is_fresh = copy_start(group, train_step, progress, newest is None)
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
            yield from trainer.evaluation.finish(reason)
    finally:
        wiring.close()
        mx.set_memory_limit(memory_limit)
        setup.close()
        if train_step:
            train_step.close()
        if trainer:
            trainer.close()


class Trainer:
    """The loop over optimizer steps, with evaluations, samples and checkpoints where they are due."""

    def __init__(
        self,
        setup: Setup,
        train_step: TrainStep,
        progress: checkpoint.Progress,
        recovery: Recovery,
        is_fresh: bool,
    ) -> None:
        """`is_fresh` says that the run does not go on from a checkpoint."""
        self.setup, self.run, self.folder = setup, setup.run, setup.folder
        self.train_step, self.progress, self.is_fresh = train_step, progress, is_fresh
        self.recovery = recovery
        self.evaluation = Evaluation(setup, train_step, progress, recovery)
        self.evaluation.restore(is_fresh)
        self.is_saved = not is_fresh  # whether the current step lies on disk as a checkpoint
        self._stepper = OptimizerStepper(setup, train_step, progress, recovery)
        self._watch = MachineWatch(self._make_room)

    def steps(self, stop: threading.Event, save_now: threading.Event) -> Generator[Event, None, str]:
        """Every step that is still to be done.

        The generator's value says why it ended: "done", "stopped", "paused" or "early_stop". Raises SamplingStopped
        when asked to stop while answers are written.
        """
        schedule, progress, evaluation = self.setup.schedule, self.progress, self.evaluation
        self._stepper.exchange.save_now = save_now
        sample_every, early_stop = self.run.train.sample_every, self.run.train.early_stop
        if self.is_fresh or evaluation.lacks_baseline:
            yield from evaluation.measure_baseline()
        elif evaluation.has_other_rows:
            yield from evaluation.start_anew()
        elif evaluation.lacks_evaluation:
            yield from evaluation.evaluate()
        if progress.step == 0:
            yield from self.evaluation.general.measure_before(self.is_fresh)
        yield Phase("Training")
        yield from self._warnings()
        while progress.step < schedule.total_steps:
            if early_stop and progress.evaluations_without_best >= early_stop:
                return "early_stop"
            if stop.is_set():
                return "paused" if pauses(stop) else "stopped"
            event = self._stepper.step()
            notes = self._watch.look()  # told before the step that was long for it
            self._stepper.exchange.notes += [] if self.setup.group.is_first else notes
            yield from (Warned(code, sentence) for code, sentence in notes)
            yield replace(event, metrics={**event.metrics, **self._watch.metrics})
            self.is_saved = False
            yield from self._warnings()
            step, is_last = progress.step, progress.step == schedule.total_steps
            if self.setup.validates and (step % schedule.eval_every == 0 or is_last):
                yield from evaluation.evaluate()
            if sample_every and step % sample_every == 0 and not is_last:
                yield from evaluation.sample_answers("during")
            is_asked = self._stepper.exchange.take_save()
            if step % schedule.save_every == 0 or is_asked:
                yield self.save()
        return "done"

    def close(self) -> None:
        """Let go of what holds this object, see TrainStep.close()."""
        del self._watch

    def save(self) -> Saved:
        """Write a checkpoint of the current step; a rank that keeps nothing does not."""
        self.setup.group.barrier()  # a rank that was lost in the step shows here: the weights may be no good then
        return self._write_checkpoint()

    def _write_checkpoint(self) -> Saved:
        self.is_saved = True
        if not self.setup.group.is_first:
            return Saved(self.progress.step, "", CHECKPOINT)
        path = checkpoint.save(
            self.folder.path / CHECKPOINTS,
            self.progress,
            self.setup.model,
            self.train_step.optimizer.state,
            self.run.train.keep_checkpoints,
            self.folder.sync_logs,
        )
        return Saved(self.progress.step, str(path), CHECKPOINT)

    def _make_room(self, strongly: bool) -> str:
        """Give memory back to the computer, which is short of it; says what was done, "" for nothing.

        `strongly`: also let fewer rows through the model at once from now on, and write fewer answers at once.
        """
        freed = mx.get_cache_memory()
        mx.clear_cache()
        if strongly and not self.setup.is_parted:  # whose ranks all compute the same
            steps = (
                say("steps are computed {words}", words=self.recovery.size.words)
                if self._stepper.make_smaller()
                else ""
            )
            done = [words for words in (steps, self.recovery.ease_writing()) if words]
            if done:
                return say("{done} from now on", done=join_and(done))
        if freed < WORTH_TELLING:
            return ""
        return say("{size:.1f} GB that were kept for reuse are given back", size=freed / 1e9)

    def save_what_stands(self, error: Exception) -> Iterator[Event]:
        """A checkpoint of the last step after the GPU, or another rank, failed behind it, where it can be written."""
        yield from self._warnings()
        if self.is_saved or self.progress.step == 0 or isinstance(error, UpdateFailed):
            return
        try:
            yield self._write_checkpoint()
        except RuntimeError as another:  # the one before is kept
            if find_failure(another) is None:
                raise

    def _warnings(self) -> Iterator[Warned]:
        """What was noticed in the last step, each once."""
        setup, error = self.setup, self.train_step.compile_error
        if error and setup.resolved.compiled.used:
            compiled = Decision(False, say("this model's steps cannot be: {error}", error=error))
            setup.resolved = replace(setup.resolved, compiled=compiled)
            setup.write_resolved()
            yield Warned("compiled", say("Steps are not compiled, and take longer: {error}", error=error))
        exchange = self._stepper.exchange
        for note in self.recovery.take_notes():
            exchange.notes += [] if setup.group.is_first else [(note.code, note.message)]
            yield note
        yield from exchange.take_notes()
        if used := setup.engine_watch or setup.forward_passes:
            yield from self._tell_of_engine(used)
        if setup.rollouts is not None:
            yield from (Warned(code, sentence) for code, sentence in setup.rollouts.take_notes())

    def end_engine(self) -> Iterator[Warned]:
        """Write what the Neural Engine did into resolved.json, and tell where it has failed since the last step."""
        setup, used = self.setup, self.setup.engine_watch or self.setup.forward_passes
        if used and used.engine.failure:
            yield from self._tell_of_engine(used)
        elif used:
            setup.resolved = replace(setup.resolved, backend=with_counts(setup.resolved.backend, used.engine))
            setup.write_resolved()

    def _tell_of_engine(self, used: EngineWatch | ForwardPasses) -> Iterator[Warned]:
        """What the Neural Engine did in the last step; where it has failed, the run goes on without it."""
        setup, engine = self.setup, used.engine
        for note in used.after_step(self.progress.step):
            code = "neural-engine-off" if engine.failure else "neural-engine"
            yield Warned(code, say("Neural Engine: {note}", note=note))
        if engine.failure:
            setup.resolved = replace(setup.resolved, backend=without_engine(setup.resolved.backend, engine))
            setup.write_resolved()
            setup.close_engine()
            select(self.run.backend)
