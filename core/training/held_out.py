"""The held-out rows measured with the model as it is: their loss and metrics, over all ranks."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from itertools import takewhile
from typing import NamedTuple

import mlx.core as mx

from core.ane.forward import VALIDATION
from core.data.batch.batches import Batch
from core.device.parallel import map_in_order
from core.events import Event, Phase, Warned
from core.rollouts import SamplingStopped
from core.training.recovery import Recovery
from core.training.setup import Setup
from core.training.step_sums import StepSums
from core.training.train_step import Loss, TrainStep

_TELL_SECONDS = 0.5  # between two reports of how many rows are measured


class HeldOutResult(NamedTuple):
    """What an evaluation over all held-out rows gives."""

    loss: float | None  # None where a person's reward file failed
    targets: int  # tokens that were predicted, or written where answers are measured
    metrics: dict[str, float]


class HeldOut:
    """Measures the held-out rows of a run."""

    def __init__(self, setup: Setup, train_step: TrainStep, recovery: Recovery) -> None:
        self.setup, self.train_step, self.recovery = setup, train_step, recovery
        self.group = setup.group

    def measure(self, is_over: Callable[[], bool], when: str = "") -> Generator[Event, None, HeldOutResult]:
        """Loss and metrics over all held-out rows, weighted as training is, and meanwhile how many rows are measured.

        Raises SamplingStopped once `is_over` says so. `when` says at which time of the run this is.
        """
        setup, train_step = self.setup, self.train_step
        name = f"Validating {when}".rstrip()
        yield Phase(name, f"{setup.eval_rows} rows")
        if setup.rollouts is not None:  # the share that is not solved stands for the loss
            metrics, answer_tokens = setup.rollouts.evaluate()
            yield from (Warned(code, sentence) for code, sentence in setup.rollouts.take_notes())
            return HeldOutResult(1 - metrics["solved"] if "solved" in metrics else None, answer_tokens, metrics)
        setup.model.eval()
        mx.eval(setup.model.trainable_parameters())  # an optimizer step leaves them unevaluated
        sums, measured, told = StepSums(), 0, time.monotonic()
        with setup.forward_passes.computing(VALIDATION) if setup.forward_passes else nullcontext():
            for batch, (batch_loss, metrics) in self._losses(is_over):
                sums.add(float(batch_loss), metrics, train_step.weight(batch))
                sums.count([batch], train_step)
                measured += len(batch.rows)
                if measured < setup.eval_rows and time.monotonic() - told >= _TELL_SECONDS:
                    told = time.monotonic()
                    ranks = 1 if setup.is_parted else self.group.size  # each rank measures as many
                    done = min(setup.eval_rows, measured * ranks)
                    yield Phase(name, f"{done} of {setup.eval_rows} rows", done / setup.eval_rows)
        sums, measured = self._over_ranks(sums, measured)
        if measured < setup.eval_rows:
            raise SamplingStopped
        return HeldOutResult(sums.loss / sums.weight, sums.targets, sums.means.means())

    def _over_ranks(self, sums: StepSums, measured: int) -> tuple[StepSums, int]:
        """(the sums over the held-out rows of all ranks, how many rows these are)."""
        if self.setup.is_parted:  # each has measured all of them
            self.group.barrier()
            return sums, measured
        if self.group.size == 1:
            return sums, measured
        entries = self.group.gather([sums.totals, measured])
        total = StepSums()
        for totals, _ in entries:
            total.merge(totals)
        return total, sum(rows for _, rows in entries)

    def _losses(self, is_over: Callable[[], bool]) -> Iterator[tuple[Batch, Loss]]:
        """Each held-out batch, or its parts, with its loss, until `is_over` says so; of several ranks each has some."""
        setup = self.setup
        mine = setup.eval_batches if setup.is_parted else setup.eval_batches[self.group.rank :: self.group.size]
        batches = takewhile(lambda _: not is_over(), mine)
        if setup.recovers:
            return self.recovery.losses(batches)
        if self.train_step.computes_at_once and not setup.forward_passes:
            return self.train_step.losses_at_once(batches)
        parallel = 1 if setup.forward_passes else setup.parallel_batches  # a program serves one call at a time
        return map_in_order(self.train_step.loss, batches, parallel, models=setup.models)
