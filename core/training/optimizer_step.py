"""One optimizer step over its micro-batches: their gradients accumulated, one update, and what is reported of it."""

import math
import time
from dataclasses import replace
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch
from core.device.gpu_failure import find_failure, finish_work
from core.device.process_memory import read_process_memory
from core.errors import Unavailable
from core.events import Step
from core.methods import MISMATCHED_MEAN
from core.text.sentence import say
from core.training.accumulation import PendingStep, Results, accumulate, accumulate_parallel
from core.training.checkpoint import Progress
from core.training.lr_schedule import learning_rate
from core.training.recovery import Recovery
from core.training.setup import Setup
from core.training.step_sums import RankExchange, StepSums
from core.training.train_step import TrainStep

# Of so many steps of a GPU one waits for its own gradient, by which waiting for other ranks is measured: the first of
# them once steps are compiled and warm.
MEASURE_EVERY, FIRST_MEASURED = 25, 6


class UpdateFailed(Unavailable):
    """The weights in memory are not to be kept."""


class OptimizerStepper:
    """Computes optimizer steps one after the other; where it can, the next is built while one is still computed."""

    def __init__(self, setup: Setup, train_step: TrainStep, progress: Progress, recovery: Recovery) -> None:
        self.setup, self.run = setup, setup.run
        self.train_step, self.progress, self.recovery = train_step, progress, recovery
        self.exchange = RankExchange(setup.group, setup.stop, setup.is_parted)
        self._built_step: PendingStep | None = None
        self._last_batches: list[Batch] = []

    def step(self) -> Step:
        """Compute the next optimizer step, and count it in the progress.

        Raises Unavailable when the numbers are no longer finite, SamplingStopped when asked to stop while answers are
        written.
        """
        started = time.perf_counter()
        self.exchange.begin_step()
        setup, number = self.setup, self.progress.step + 1
        pending, self._built_step = self._built_step or self._begin(number), None
        self._train_mode()
        pending, grad, results = self._compute_gradient(self._share_means(pending))
        self._last_batches = pending.batches
        sums, total_weight, is_measured = None, sum(pending.weights), False
        sums_ahead = setup.group.size > 1 and self._is_plain
        if sums_ahead:
            if is_measured := not setup.on_gpu or setup.recovers or number % MEASURE_EVERY == FIRST_MEASURED:
                mx.eval(grad or [])
            grad, total_weight = self.train_step.begin_sum_over_ranks(grad, total_weight, is_measured)
        elif setup.group.size > 1:
            sums = self._sum_over_ranks(pending, grad, results)
            grad, total_weight = self.train_step.sum_over_ranks(grad), sums.weight
        lr = self._learning_rate(number)
        norm = self.train_step.optimizer_step(grad, total_weight, lr)
        mx.async_eval(norm, self.train_step.state)
        if self._can_build_ahead and number < setup.schedule.total_steps:
            self._built_step = self._begin(number + 1)
            if setup.compiles:  # a GPU goes on while this step is reported
                mx.async_eval(self._built_step.first or [])
        self._finish_update(norm, sums_ahead)
        sums = sums or self._sum_up(pending, results)
        if sums_ahead:
            sums = self.exchange(sums)
        loss = sums.loss / sums.weight
        if not math.isfinite(loss) or not math.isfinite(float(norm)):
            raise self._not_finite(number, pending.batches)
        seconds = time.perf_counter() - started
        self.exchange.end_step(seconds, is_measured or not sums_ahead)
        metrics = sums.means.means() | self._source_metrics(seconds) | sums.rank_metrics(seconds)
        return self._record(number, sums, loss, lr, float(norm), metrics, seconds)

    def _sum_up(self, pending: PendingStep, results: Results) -> StepSums:
        """The sums of a step over this rank's batches."""
        sums = StepSums()
        for (loss, metrics), weight in zip(results, pending.weights, strict=True):
            sums.add(float(loss), metrics, weight)
        sums.count(pending.batches, self.train_step)
        return sums

    def _sum_over_ranks(self, pending: PendingStep, grad: Any, results: Results) -> StepSums:
        """The sums of a step over all ranks. The gradient is there before: a rank that fails in it says so here."""
        if grad is not None:
            mx.eval(grad, results)
        return self.exchange(self._sum_up(pending, results))

    def _share_means(self, pending: PendingStep) -> PendingStep:
        """Batches of which other ranks have a part, with the mean over the whole that a method measures (KTO)."""
        group = self.setup.group
        if group.size == 1 or not self.run.spec.precomputed:
            return pending
        batches, sums = list(pending.batches), dict[str, tuple[float, int]]()
        for n, batch in enumerate(batches):
            if batch.split is not None:
                batches[n], total = self.train_step.with_precomputed(batch)
                sums[str(batch.split)] = total, len(batch.rows)
        entries = group.gather(sums)
        for n, batch in enumerate(batches):
            parts = [entry[str(batch.split)] for entry in entries if str(batch.split) in entry]
            if parts:
                mean = sum(total for total, _ in parts) / sum(rows for _, rows in parts)
                known = {MISMATCHED_MEAN: np.full(len(batch.rows), mean, np.float32)}
                batches[n] = replace(batch, extra=batch.extra | known)
        return replace(pending, batches=batches)

    def _begin(self, number: int) -> PendingStep:
        """A step's batches, and the gradient of the first as a graph that is not computed yet."""
        setup = self.setup
        self._train_mode()
        if setup.group.size > 1 and self.run.adapter.dropout:  # of each rank its own, whatever it has drawn before
            mx.random.seed(
                int(np.random.default_rng([self.run.train.seed, number, setup.group.rank]).integers(1 << 62))
            )
        if setup.rollouts is not None:
            self.train_step.free_memory()  # the answers are written in as much
        pending = self._part(setup.batches.window(number))
        is_computed_later = self._goes_side_by_side(pending) or self.train_step.computes_at_once
        if setup.recovers or is_computed_later or not pending.batches or self.run.spec.precomputed:
            return pending
        return replace(pending, first=self.train_step.gradient(pending.batches[0]))

    def _train_mode(self) -> None:
        """Put the model into training mode, which walks through all its modules, where an evaluation came between."""
        if not self.setup.model.training:
            self.setup.model.train()

    def _part(self, batches: list[Batch]) -> PendingStep:
        """A step over batches, in pieces of the size that the GPU manages."""
        parts = self.recovery.split(batches)
        return PendingStep(parts, [self.train_step.weight(part) for part in parts], None, batches)

    def _goes_side_by_side(self, pending: PendingStep) -> bool:
        return self.setup.parallel_batches > 1 and len(pending.batches) > 1

    def end_steps(self) -> None:
        """Let go of what only another step needs, that which is built already with it."""
        self._built_step, self._last_batches = None, []
        self.train_step.end_steps()

    def make_smaller(self) -> bool:
        """Let fewer rows than in the last step through the model at once; returns whether that is possible."""
        self._built_step = None
        return bool(self._last_batches) and self.recovery.ease(self._last_batches)

    def _compute_gradient(self, pending: PendingStep) -> tuple[PendingStep, Any, Results]:
        """(the step as it was computed, the sum of its gradients, (loss, metrics) of each of its batches).

        Where the GPU may fail, the gradient is there before the update begins: a step that failed has changed nothing,
        and is computed again in smaller pieces.
        """
        if self._goes_side_by_side(pending):
            return pending, *accumulate_parallel(self.train_step, self.setup, pending)
        if not self.setup.recovers:
            return pending, *accumulate(self.train_step, self.setup, pending)
        while True:
            try:
                grad, results = accumulate(self.train_step, self.setup, pending)
                if pending.batches:
                    finish_work(grad, results)
                self.recovery.step_done()
                return pending, grad, results
            except RuntimeError as error:
                self.recovery.give_way(error, pending.batches)
                pending = self._part(pending.whole)

    def _finish_update(self, norm: mx.array, sums_ahead: bool) -> None:
        """Wait for the update, where `sums_ahead` with the sum over ranks in it. Raises Unavailable where a GPU fails
        in it: the weights may be lost then."""
        try:
            if sums_ahead:
                self.setup.group.finish_sum([norm, self.train_step.state])
            if self.setup.recovers:
                finish_work(norm, self.train_step.state)
            else:
                mx.eval(norm, self.train_step.state)
        except RuntimeError as error:
            failure = find_failure(error) if self.setup.recovers or sums_ahead else None
            if failure is None:
                raise
            raise UpdateFailed(
                say("The optimizer's update failed: {failure}. The last checkpoint is kept.", failure=failure.value)
            ) from error

    @property
    def _can_build_ahead(self) -> bool:
        """Whether a step may be built before the one before it is over. Where the GPU may fail, each is over before the
        next begins, so that its errors come up in it."""
        return self._is_plain and not self.setup.recovers

    @property
    def _is_plain(self) -> bool:
        """Whether a step neither needs anything computed first nor takes random numbers, whose state a checkpoint
        keeps: the same on all ranks."""
        setup, run = self.setup, self.run
        return not (setup.teacher or setup.rollouts or run.spec.precomputed or run.adapter.dropout)

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
        sums: StepSums,
        loss: float,
        lr: float,
        norm: float,
        metrics: dict[str, float],
        seconds: float,
    ) -> Step:
        """Count a step that is done, and report it."""
        progress, tokens = self.progress, sums.tokens
        progress.step, progress.seconds = number, progress.seconds + seconds
        progress.tokens += tokens
        progress.trained_tokens += sums.targets
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
            process_memory_bytes=read_process_memory(),
        )

    def _source_metrics(self, seconds: float) -> dict[str, float]:
        """Metrics of the answers that were learned from, where the model wrote them."""
        metrics = self.setup.batches.metrics()
        return metrics and {**metrics, "learning_seconds": seconds - metrics["sampling_seconds"]}

    def _not_finite(self, number: int, batches: list[Batch]) -> Unavailable:
        lines = [self.setup.rows[i].line for batch in batches for i in batch.rows]
        return Unavailable(
            say(
                "The loss is no longer a number at step {number} (rows from lines {lines}): lower the learning "
                "rate or compute in float32. The last checkpoint is kept.",
                number=number,
                lines=", ".join(map(str, lines[:8])),
            )
        )
