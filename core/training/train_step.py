"""What one step computes: the loss and its gradient for a batch, and the correction of what is trained."""

import dataclasses
from typing import Any

import mlx.core as mx
from mlx.utils import tree_map

from core.data.batch.batches import Batch
from core.model.log_probs import to_mlx, token_logps
from core.reference.reference import NAME as REFERENCE
from core.training import optimizers
from core.training.compiled_step import CompiledStep
from core.training.flat_parameters import FlatParameters
from core.training.setup import Setup

TARGETS = 128  # a compiled step takes its targets in multiples of so many


class TrainStep:
    """The model in training, the numbers that are trained, and the optimizer that corrects them."""

    def __init__(self, ready: Setup) -> None:
        self.ready, self.run = ready, ready.run
        t, full = self.run.train, self.run.adapter.type == "full"
        self.optimizer = optimizers.build(t.optimizer, t.weight_decay, ready.model, full, self.run.adapter.plus)
        self._trained = FlatParameters(ready.model, joined=not full)
        self._traced = CompiledStep(self._plain_gradient)
        self._gradient: Any = self._traced if ready.compiles else self._plain_gradient
        self._corrected: Any = self._plainly_corrected
        self.begin()

    def begin(self, state: Any = None) -> None:
        """Start from the tensors that the model has now, with a fresh optimizer or one in a saved state."""
        self._values = self._trained.join(self.ready.model.trainable_parameters())
        if state is not None:
            self.optimizer.state = state
        self.optimizer.init(self._values)
        mx.eval(self.changed)  # other threads compute with them
        if self.ready.compiles:  # for this state alone: a compiled function writes into the very arrays it was given
            captured = [self.optimizer.state]
            self._corrected = mx.compile(self._plainly_corrected, inputs=captured, outputs=captured)

    @property
    def changed(self) -> list[Any]:
        """The arrays that a correction makes anew: to be evaluated when it is due."""
        return [self._values, self.optimizer.state]

    @property
    def why_uncompiled(self) -> str:
        """Why steps that were to be compiled turned out not to be compilable; "" for nothing of the kind."""
        return self._traced.why_not

    def loss(self, batch: Batch) -> tuple[mx.array, dict[str, Any]]:
        """(the loss, metrics) of a batch of NumPy arrays, for measuring."""
        given = to_mlx(batch)
        return self._loss(given, self._aside(given))

    def gradient(self, batch: Batch) -> tuple[mx.array, dict[str, Any], Any]:
        """(the loss, metrics, its gradient times the batch's weight) of a batch of NumPy arrays; not evaluated."""
        given = to_mlx(batch, TARGETS if self.ready.compiles else 1)
        # Differentiating the sum and dividing at the end keeps 16-bit gradients away from zero.
        (_, (value, metrics)), slope = self._gradient(self._values, given, self._aside(given), self.weight(batch))
        return value, metrics, slope

    def add(self, gradients: Any, more: Any) -> Any:
        """The gradients of several batches together. Those of an adapter are added in float32."""
        wide = self._trained.joined
        return tree_map(lambda a, b: a.astype(mx.float32) + b if wide else a + b, gradients, more)

    def correct(self, gradients: Any, total: float, rate: float) -> mx.array:
        """One correction by gradients that were added up and weigh `total`; gives their norm before clipping.

        Nothing is evaluated yet; see `changed`.
        """
        self.optimizer.learning_rate = rate
        norm, self._values = self._corrected(self._values, gradients, mx.array(total, mx.float32))
        self.ready.model.update(self._trained.part(self._values))
        return norm

    def weight(self, batch: Batch) -> float:
        """What a batch counts by in its window, so that accumulation is no mean of means."""
        return float(batch.mask.sum()) if self.run.spec.weight == "tokens" else float(len(batch.rows))

    def targets(self, batch: Batch) -> int:
        """How many tokens are learned."""
        return int((batch.mask[: len(batch.mask) // 2] if self.run.spec.precomputed else batch.mask).sum())

    def _plain_gradient(self, values: Any, batch: Batch, aside: Any, weight: Any) -> Any:
        kept, tensors = self.ready.model.trainable_parameters(), self._trained.for_step(values, self.ready.dtype)
        try:
            # By tensor, not by vector: MLX then lets go of what it needs of a layer when that layer's part is done.
            with self._trained.in_step():
                return mx.value_and_grad(self._objective)(tensors, batch, aside, weight)
        finally:  # what was differentiated is no tensor to keep
            self.ready.model.update(kept)

    def _objective(self, tensors: Any, batch: Batch, aside: Any, weight: Any) -> tuple[mx.array, tuple[mx.array, Any]]:
        """Everything that is differentiated, the forward pass included."""
        self.ready.model.update(tensors)
        value, metrics = self._loss(batch, aside)
        return value * weight, (value, metrics)

    def _plainly_corrected(self, values: Any, gradients: Any, total: mx.array) -> tuple[mx.array, Any]:
        gradients = tree_map(lambda g: g / total.astype(g.dtype), self._trained.gradient(gradients))
        norm = optimizers.global_norm(gradients)
        clipped = optimizers.clip(gradients, norm, self.run.train.max_grad_norm)
        return norm, self.optimizer.apply_gradients(clipped, values)

    def _loss(self, batch: Batch, aside: Any) -> tuple[mx.array, dict[str, Any]]:
        ready, ref = self.ready, batch.extra.get(REFERENCE)
        if ready.teacher is not None:
            logps, ref = ready.teacher.compare(ready.model, ready.head, batch, aside)
        elif aside is not None:
            logps = mx.concatenate([token_logps(ready.model, _half(batch, 0), ready.head), aside])
        else:
            logps = token_logps(ready.model, batch, ready.head)
        return self.run.spec.loss(logps, ref, batch, self.run.options)

    def _aside(self, batch: Batch) -> Any:
        """What is computed first, where no gradient keeps it in memory: what a teacher says, or the log-probabilities
        of what a method only measures."""
        if self.ready.teacher is not None:
            return self.ready.teacher.says(batch)
        if not self.run.spec.precomputed:
            return None
        logps = token_logps(self.ready.model, _half(batch, 1), self.ready.head)
        mx.eval(logps)
        return logps


def _half(batch: Batch, which: int) -> Batch:
    """The first (0) or second (1) half of a batch's texts, to be run through the model by itself."""
    middle = batch.tokens.shape[0] // 2
    chosen = slice(which * middle, (which + 1) * middle)
    lengths = batch.lengths[chosen]
    return to_mlx(dataclasses.replace(batch, tokens=batch.tokens[chosen], mask=batch.mask[chosen], lengths=lengths))
