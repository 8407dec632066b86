"""The gradient of an optimizer step: those of its micro-batches accumulated, one after the other or side by side."""

from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from core.data.batch.batches import Batch
from core.device.parallel import map_in_order
from core.training.setup import Setup
from core.training.train_step import TrainStep

Results = list[tuple[Any, Any]]  # (loss, metrics) of each micro-batch


@dataclass(frozen=True)
class PendingStep:
    """An optimizer step that can be computed at any time."""

    batches: list[Batch]  # micro-batches
    weights: list[float]  # what each counts by
    first: Any  # TrainStep.gradient of the first batch, not computed yet; None where it is not built yet
    whole: list[Batch]  # the batches as they were before they were parted (see core.training.recovery)


def accumulate(train_step: TrainStep, setup: Setup, pending: PendingStep) -> tuple[Any, Results]:
    """(the sum of the gradients of a step's batches, (loss, metrics) of each), one batch after the other.

    The sum is None where other ranks have all batches. On a GPU it may still be computing when this returns.
    """
    total, results = None, Results()
    if not pending.batches:
        return total, results
    current = pending.first or train_step.gradient(pending.batches[0], alone=True)
    for n in range(len(pending.batches)):
        loss, metrics, grad = current
        results.append((loss, metrics))
        total = grad if total is None else train_step.add(total, grad)
        # Each batch is computed before the next begins, or the graphs of all would stay in memory; what comes next is
        # built meanwhile. Only a GPU, which would stand still, is given the optimizer step at once.
        train_step.come_further()  # a gradient that was built ahead is computed now
        mx.async_eval(total, loss, metrics)
        is_last = n + 1 == len(pending.batches)
        if not is_last:
            current = train_step.gradient(pending.batches[n + 1], alone=True)
        if not is_last or not setup.on_gpu:
            mx.eval(total, loss, metrics)
    return total, results


def accumulate_parallel(train_step: TrainStep, setup: Setup, pending: PendingStep) -> tuple[Any, Results]:
    """The same on several cores, the sum in the same order."""
    total, results = None, Results()
    gradients = map_in_order(
        train_step.gradient,
        pending.batches,
        setup.parallel_batches,
        models=setup.models,
        one_at_a_time=not train_step.computes_at_once,
    )
    for _, (loss, metrics, grad) in gradients:
        results.append((loss, metrics))
        total = grad if total is None else train_step.add(total, grad)
        mx.eval(total)
    return total, results
