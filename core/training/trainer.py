"""The one training loop: train(run) and resume(folder) are generators of events, and nothing else drives a model.

All MLX work of a run happens on the thread that iterates the generator, save batches that a processor computes side by
side (core.device.parallel), for whose end it waits.
"""

import math
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.data.batch.batches import Batch
from core.device.machine import usable_bytes
from core.device.parallel import map_in_order
from core.errors import BadOption, Unavailable, UserError
from core.events import Event, Finished, Phase, Saved, Step, Warned
from core.resolved import Decision
from core.rollouts import SamplingStopped
from core.run import Run
from core.run.folder import CHECKPOINTS, RUN, RunFolder
from core.training import checkpoint
from core.training.dry_run import dry_run
from core.training.evaluation import Evaluation
from core.training.lr_schedule import learning_rate
from core.training.metrics import MetricMeans
from core.training.setup import Setup, prepare
from core.training.train_step import TrainStep

# A bounded cache: MLX keeps freed buffers for reuse, and varying shapes would let them pile up. A GPU has a quarter of
# its memory for it where that is more: to give buffers back and ask for them again in every step took an H100 half as
# long as the step itself.
CACHE_BYTES = 2 << 30


def train(run: Run, stop: threading.Event | None = None, *, save_now: threading.Event | None = None) -> Iterator[Event]:
    """Do a run from start to end.

    Arguments:
        run: what to do. Without an `output` it gets a new folder among Hone's runs.
        stop: set it to finish the current step, save a checkpoint to resume from, and keep the best adapter so far.
        save_now: set it to write a checkpoint after the current step; it is cleared then.

    Yields core.events.Event as things happen: Phase and Warned while loading, Started, a Step for each optimizer step,
    Evaluated, Sample and Saved in between, and Finished as the last. The same events go to events.jsonl in the run's
    folder, progress within a phase left out. Closing the generator ends the run where it stands.

    Raises UserError (BadOption, BadData, BadModel, Unavailable) with one sentence for what a person can put right; what
    was saved before stays on disk.
    """
    run = run.check().with_output()
    folder = RunFolder.plan(run)
    yield from _logged(folder, _execute(run, folder, stop, save_now))


def resume(
    path: Path | str,
    stop: threading.Event | None = None,
    *,
    save_now: threading.Event | None = None,
    changes: dict[str, Any] | None = None,
) -> Iterator[Event]:
    """Go on with a run that was stopped or died, from its newest checkpoint (or from the start if it has none).

    What follows equals the unbroken run, number by number.

    Arguments:
        path: the run's folder.
        stop, save_now: as for train().
        changes: options to set anew, by their keys in run.toml: {"train.steps": 500}. They are written to run.toml.

    Yields the events of train(), from the checkpoint's step on. Raises UserError as train() does, and BadOption where
    the folder holds no run, or one that is finished and gets no changes.
    """
    folder = RunFolder.open(Path(path).expanduser())
    run = Run.read(folder.path / RUN)
    for key, value in (changes or {}).items():
        run = run.replace(key, value)
    run = replace(run.check(), output=str(folder.path))
    checkpoints = checkpoint.list_checkpoints(folder.path / CHECKPOINTS)
    last = next((e for e in reversed(list(folder.events())) if isinstance(e, Finished)), None)
    if last is not None and last.reason in ("done", "early_stop") and not changes:
        raise BadOption(f"{folder.path} is finished; give more --steps or --epochs to go on.")
    if changes:
        folder.write(RUN, run.to_toml())
    newest = checkpoints[-1] if checkpoints else None
    folder.forget_after(int(newest.name.removeprefix("step-")) if newest else -1)
    yield from _logged(folder, _execute(run, folder, stop, save_now, newest))


def _logged(folder: RunFolder, events: Iterator[Event]) -> Iterator[Event]:
    """Each event to events.jsonl before it is yielded; a failure too, before it is raised."""
    try:
        for event in events:
            if not (isinstance(event, Phase) and event.fraction is not None):
                folder.log(event)
            yield event
    except UserError as error:
        folder.log(Finished("failed", 0, str(error), 0.0))
        raise
    except RuntimeError as error:
        # MLX reports a full memory as a RuntimeError whose text names the allocation.
        if "alloc" not in str(error).lower() and "memory" not in str(error).lower():
            raise
        sentence = "The memory is full: lower the batch size or the maximum length, and go on from the last checkpoint."
        folder.log(Finished("failed", 0, sentence, 0.0))
        raise Unavailable(sentence) from error


def _execute(
    run: Run,
    folder: RunFolder,
    stop: threading.Event | None,
    save_now: threading.Event | None,
    newest: Path | None = None,
) -> Iterator[Event]:
    """Set the run up, go through its steps from the checkpoint `newest` on, and finish it."""
    stop, save_now = stop or threading.Event(), save_now or threading.Event()
    setup = yield from prepare(run, folder, stop)
    memory_limit = mx.get_memory_limit()
    try:
        train_step = TrainStep(setup)
        mx.set_cache_limit(max(CACHE_BYTES, usable_bytes("gpu") // 4) if setup.on_gpu else CACHE_BYTES)
        mx.reset_peak_memory()
        dry_run(setup, train_step)
        progress = checkpoint.Progress()
        if newest is not None:
            progress, optimizer_state = checkpoint.restore(newest, setup.model)
            train_step.begin(optimizer_state)
        trainer = Trainer(setup, train_step, progress)
        if newest is not None:
            trainer.evaluation.recall_baseline()
        yield setup.started(first_step=progress.step + 1)
        try:
            reason = yield from trainer.steps(stop, save_now, is_fresh=newest is None)
        except SamplingStopped:  # while answers were written
            reason = "stopped"
        if not trainer.is_saved:
            yield trainer.save()
        yield from trainer.evaluation.finish(reason)
    finally:
        mx.set_memory_limit(memory_limit)
        setup.close()


@dataclass(frozen=True)
class _PendingStep:
    """An optimizer step that can be computed at any time."""

    batches: list[Batch]  # micro-batches
    weights: list[float]  # what each counts by
    first: Any  # TrainStep.gradient of the first batch, not computed yet; None where batches go side by side


class Trainer:
    """The loop over optimizer steps, with evaluations, samples and checkpoints where they are due."""

    def __init__(self, setup: Setup, train_step: TrainStep, progress: checkpoint.Progress) -> None:
        self.setup, self.run, self.folder = setup, setup.run, setup.folder
        self.train_step, self.progress = train_step, progress
        self.evaluation = Evaluation(setup, train_step, progress)
        self.is_saved = False  # whether the current step lies on disk as a checkpoint
        self._next: _PendingStep | None = None

    def steps(self, stop: threading.Event, save_now: threading.Event, is_fresh: bool) -> Generator[Event, None, str]:
        """Every step that is still to be done.

        The generator's value says why it ended: "done", "stopped" or "early_stop". `is_fresh` says that the run does
        not go on from a checkpoint. Raises SamplingStopped when asked to stop while answers are written.
        """
        schedule, progress, evaluation = self.setup.schedule, self.progress, self.evaluation
        sample_every, early_stop = self.run.train.sample_every, self.run.train.early_stop
        if is_fresh or evaluation.lacks_baseline:
            yield from evaluation.measure_baseline()
        elif evaluation.lacks_evaluation:
            yield from evaluation.evaluate()
        yield Phase("Training")
        while progress.step < schedule.total_steps:
            if stop.is_set():
                return "stopped"
            yield self._step()
            yield from self._warnings()
            step, is_last = progress.step, progress.step == schedule.total_steps
            if self.setup.validates and (step % schedule.eval_every == 0 or is_last):
                yield from evaluation.evaluate()
            if sample_every and step % sample_every == 0 and not is_last:
                yield from evaluation.sample_answers("during")
            if step % schedule.save_every == 0 or save_now.is_set():
                save_now.clear()
                yield self.save()
            if early_stop and progress.evaluations_without_best >= early_stop:
                return "early_stop"
        return "done"

    def save(self) -> Saved:
        """Write a checkpoint of the current step."""
        path = checkpoint.save(
            self.folder.path / CHECKPOINTS,
            self.progress,
            self.setup.model,
            self.train_step.optimizer.state,
            self.run.train.keep_checkpoints,
        )
        self.is_saved = True
        return Saved(self.progress.step, str(path), "checkpoint")

    def _step(self) -> Step:
        """One optimizer step over its micro-batches.

        Raises Unavailable when the numbers are no longer finite, SamplingStopped when asked to stop while answers are
        written.
        """
        started = time.perf_counter()
        setup, number = self.setup, self.progress.step + 1
        pending, self._next = self._next or self._begin(number), None
        total_weight = sum(pending.weights)
        setup.model.train()  # an evaluation may have come between
        grad, results = self._accumulate(pending) if pending.first is not None else self._accumulate_parallel(pending)
        lr = self._learning_rate(number)
        norm = self.train_step.optimizer_step(grad, total_weight, lr)
        mx.async_eval(norm, self.train_step.state)
        if self._can_build_ahead and number < setup.schedule.total_steps:
            self._next = self._begin(number + 1)
            if setup.compiles:  # a GPU goes on while this step is reported
                mx.async_eval(self._next.first)
        mx.eval(norm, self.train_step.state)
        loss, means = 0.0, MetricMeans()
        for (batch_loss, metrics), weight in zip(results, pending.weights, strict=True):
            loss += float(batch_loss) * weight / total_weight
            means.add(metrics, weight)
        if not math.isfinite(loss) or not math.isfinite(float(norm)):
            raise self._not_finite(number, pending.batches)
        seconds = time.perf_counter() - started
        metrics = means.means() | self._source_metrics(seconds)
        return self._record(number, pending.batches, loss, lr, float(norm), metrics, seconds)

    def _begin(self, number: int) -> _PendingStep:
        """A step's batches, and the gradient of the first as a graph that is not computed yet."""
        self.setup.model.train()
        batches = self.setup.batches.window(number)
        side_by_side = self.setup.parallel_batches > 1 and len(batches) > 1
        first = None if side_by_side else self.train_step.gradient(batches[0])
        return _PendingStep(batches, [self.train_step.weight(b) for b in batches], first)

    @property
    def _can_build_ahead(self) -> bool:
        """Whether a step may be built before the one before it is over: it must neither need anything computed first
        nor take random numbers, whose state a checkpoint keeps."""
        setup, run = self.setup, self.run
        return not (setup.teacher or setup.rollouts or run.spec.precomputed or run.adapter.dropout)

    def _accumulate(self, pending: _PendingStep) -> tuple[Any, list[tuple[Any, Any]]]:
        """(the sum of the gradients of a step's batches, (loss, metrics) of each), one batch after the other."""
        current, total, results = pending.first, None, []
        for n in range(len(pending.batches)):
            loss, metrics, grad = current
            results.append((loss, metrics))
            total = grad if total is None else self.train_step.add(total, grad)
            # Each batch is computed before the next begins, or the graphs of all would stay in memory; what comes next
            # is built meanwhile. Only a GPU, which would stand still, is given the optimizer step at once.
            mx.async_eval(total, loss, metrics)
            is_last = n + 1 == len(pending.batches)
            if not is_last:
                current = self.train_step.gradient(pending.batches[n + 1])
            if not is_last or not self.setup.on_gpu:
                mx.eval(total, loss, metrics)
        return total, results

    def _accumulate_parallel(self, pending: _PendingStep) -> tuple[Any, list[tuple[Any, Any]]]:
        """The same on several cores, the sum in the same order."""
        total, results = None, []
        gradients = map_in_order(self.train_step.gradient, pending.batches, self.setup.parallel_batches)
        for _, (loss, metrics, grad) in gradients:
            results.append((loss, metrics))
            total = grad if total is None else self.train_step.add(total, grad)
            mx.eval(total)
        return total, results

    def _learning_rate(self, number: int) -> float:
        schedule = self.setup.schedule
        return learning_rate(
            number,
            peak=schedule.learning_rate,
            schedule=self.run.train.lr_schedule,
            warmup=schedule.warmup,
            total=schedule.total_steps,
        )

    def _record(
        self,
        number: int,
        batches: list[Batch],
        loss: float,
        lr: float,
        norm: float,
        metrics: dict[str, float],
        seconds: float,
    ) -> Step:
        """Count a step that is done, and report it."""
        progress, tokens = self.progress, sum(batch.real_tokens for batch in batches)
        progress.step, progress.seconds = number, progress.seconds + seconds
        progress.tokens += tokens
        progress.trained_tokens += sum(self.train_step.count_targets(batch) for batch in batches)
        self.is_saved = False
        return Step(
            step=number,
            loss=loss,
            learning_rate=lr,
            grad_norm=norm,
            tokens=progress.tokens,
            trained_tokens=progress.trained_tokens,
            tokens_per_second=tokens / seconds,
            peak_memory_bytes=mx.get_peak_memory(),
            epoch=number / self.setup.batches.steps_per_epoch,
            seconds=progress.seconds,
            metrics=metrics,
        )

    def _source_metrics(self, seconds: float) -> dict[str, float]:
        """Metrics of the answers that were learned from, where the model wrote them."""
        metrics = self.setup.batches.metrics()
        return metrics and {**metrics, "learning_seconds": seconds - metrics["sampling_seconds"]}

    def _not_finite(self, number: int, batches: list[Batch]) -> Unavailable:
        lines = [self.setup.rows[i].line for batch in batches for i in batch.rows]
        return Unavailable(
            f"The loss is no longer a number at step {number} (rows from lines {', '.join(map(str, lines[:8]))}): "
            "lower the learning rate or compute in float32. The last checkpoint is kept."
        )

    def _warnings(self) -> Iterator[Warned]:
        """What was noticed in the last step, each once."""
        setup, error = self.setup, self.train_step.compile_error
        if error and setup.resolved.compiled.used:
            compiled = Decision(False, f"this model's steps cannot be: {error}")
            setup.resolved = replace(setup.resolved, compiled=compiled)
            setup.write_resolved()
            yield Warned("compiled", f"Steps are not compiled, and take longer: {error}")
        if setup.rollouts is not None:
            notes, setup.rollouts.notes = setup.rollouts.notes, []
            yield from (Warned(code, sentence) for code, sentence in notes)
