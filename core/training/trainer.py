"""The loop over optimizer steps, with evaluations, samples and checkpoints where they are due."""

import threading
from collections.abc import Generator, Iterator
from dataclasses import replace

import mlx.core as mx

from core.ane.forward import ForwardPasses
from core.ane.watch import EngineWatch
from core.device.gpu_failure import find_failure
from core.device.select import select
from core.events import Event, Phase, Saved, Warned
from core.resolved import Decision
from core.run.event_log import CHECKPOINT
from core.run.folder import CHECKPOINTS
from core.stop_request import pauses
from core.text.sentence import join_and, say
from core.training import checkpoint
from core.training.ane_setup import with_counts, without_engine
from core.training.evaluation import Evaluation
from core.training.machine_watch import MachineWatch
from core.training.optimizer_step import OptimizerStepper, UpdateFailed
from core.training.recovery import Recovery
from core.training.setup import Setup
from core.training.train_step import TrainStep

WORTH_TELLING = 100 << 20  # bytes


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

    def end_steps(self) -> None:
        """Give back the memory that only another step needs: what comes now is measured, saved and answered."""
        self._stepper.end_steps()
        mx.clear_cache()

    def close(self) -> None:
        """Let go of what holds this object, see TrainStep.close()."""
        del self._watch

    def save(self) -> Saved:
        """Write a checkpoint of the current step; a rank that keeps nothing does not."""
        self.setup.group.barrier()  # a rank that was lost in the step shows here: the weights may be no good then
        return self._write_checkpoint()

    def _write_checkpoint(self) -> Saved:
        self.is_saved = self.setup.group.can_resume = True
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
        self.train_step.free_memory()
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
