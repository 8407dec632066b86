"""One optimizer step over its micro-batches: their gradients accumulated, one update, and what is reported of it."""

import math
import time
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from core.data.batch.batches import Batch
from core.device.parallel import map_in_order
from core.errors import Unavailable
from core.events import Step
from core.training.checkpoint import Progress
from core.training.lr_schedule import learning_rate
from core.training.metrics import MetricMeans
from core.training.setup import Setup
from core.training.train_step import TrainStep


@dataclass(frozen=True)
class _PendingStep:
    """An optimizer step that can be computed at any time."""

    batches: list[Batch]  # micro-batches
    weights: list[float]  # what each counts by
    first: Any  # TrainStep.gradient of the first batch, not computed yet; None where batches go side by side


class OptimizerStepper:
    """Computes optimizer steps one after the other; where it can, the next is built while one is still computed."""

    def __init__(self, setup: Setup, train_step: TrainStep, progress: Progress) -> None:
        self.setup, self.run = setup, setup.run
        self.train_step, self.progress = train_step, progress
        self._built_step: _PendingStep | None = None

    def step(self) -> Step:
        """Compute the next optimizer step, and count it in the progress.

        Raises Unavailable when the numbers are no longer finite, SamplingStopped when asked to stop while answers are
        written.
        """
        started = time.perf_counter()
        setup, number = self.setup, self.progress.step + 1
        pending, self._built_step = self._built_step or self._begin(number), None
        total_weight = sum(pending.weights)
        setup.model.train()  # an evaluation may have come between
        grad, results = self._accumulate(pending) if pending.first is not None else self._accumulate_parallel(pending)
        lr = self._learning_rate(number)
        norm = self.train_step.optimizer_step(grad, total_weight, lr)
        mx.async_eval(norm, self.train_step.state)
        if self._can_build_ahead and number < setup.schedule.total_steps:
            self._built_step = self._begin(number + 1)
            if setup.compiles:  # a GPU goes on while this step is reported
                mx.async_eval(self._built_step.first)
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
        setup = self.setup
        gradients = map_in_order(self.train_step.gradient, pending.batches, setup.parallel_batches, models=setup.models)
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
