"""What one step computes: the loss of a batch, its gradient, and the optimizer's update of the parameters."""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_map

from core.data.batch.batches import Batch
from core.device import openblas
from core.model.log_probs import scatter_targets, to_mlx, token_logps
from core.reference.reference import NAME as REFERENCE
from core.training import optimizers
from core.training.compiled_step import CompiledStep
from core.training.flat_parameters import FlatParameters
from core.training.numpy_gradient import NumpyGradient
from core.training.setup import Setup

PRECOMPUTED = "precomputed"  # key in batch.extra of what _precompute() gives, where that is known
TARGETS_MULTIPLE = 128  # a compiled step takes its targets in multiples of so many

Loss = tuple[mx.array, dict[str, Any]]  # (the loss, a scalar; the method's metrics)


class TrainStep:
    """The model in training, the parameters that are trained, and the optimizer that updates them."""

    def __init__(self, setup: Setup) -> None:
        self.setup, self.run = setup, setup.run
        t, full = self.run.train, self.run.adapter.type == "full"
        self._flat = FlatParameters(setup.model, is_flat=not full)
        plus, has_undecayed = self.run.adapter.plus, self._flat.has_undecayed
        self.optimizer: Any = optimizers.build(t.optimizer, t.weight_decay, full, plus, has_undecayed)
        self._compiled = CompiledStep(self._compute_gradient)
        self._gradient: Any = self._compiled if setup.compiles else self._compute_gradient
        self.group = setup.group
        # Over several ranks the gradient is summed as the optimizer takes it, in few large pieces.
        self._compute_update: Any = self._update_by_vectors if self.group.size > 1 else self._update_by_tensors
        self._update: Any = self._compute_update
        self._numpy = setup.numpy
        self.is_by_block = False  # whether each block is evaluated by itself, which no compiled step can do
        self.begin()

    def begin(self, optimizer_state: Any = None) -> None:
        """Start from the tensors that the model has now, with a fresh optimizer or one in a saved state."""
        self._parameters = self._flat.flatten(self.setup.model.trainable_parameters())
        if optimizer_state is not None:
            self.optimizer.state = optimizer_state
        self.optimizer.init(self._parameters)
        mx.eval(self.state)  # other threads compute with it
        if self.setup.compiles:  # for this state alone: a compiled function writes into the very arrays it was given
            captured = [self.optimizer.state]
            self._update = mx.compile(self._compute_update, inputs=captured, outputs=captured)

    def close(self) -> None:
        """Let go of the functions that hold this object, and with it the model, until Python looks for such circles.

        It computes nothing any more. A window looks for them late, and the model's memory would stay.
        """
        self._gradient = self._update = self._compute_update = self._numpy = None
        del self._compiled

    def end_steps(self) -> None:
        """Let go of what only another optimizer step needs; losses can be computed still."""
        self.free_memory()
        self._compiled.forget(0)
        self._update = self.optimizer = None

    @property
    def state(self) -> list[Any]:
        """The arrays that an optimizer step replaces: to be evaluated when they are needed."""
        return [self._parameters, self.optimizer.state]

    @property
    def compile_error(self) -> str:
        """Why steps that were to be compiled turned out not to be compilable; "" for nothing of the kind."""
        return self._compiled.error

    def loss(self, batch: Batch) -> Loss:
        """The loss and metrics of a batch of NumPy arrays, for an evaluation; not evaluated."""
        self.free_memory()  # an evaluation takes memory of its own
        self.come_further()
        arrays = to_mlx(batch)
        return self._loss(arrays, self._precompute(arrays))

    def losses_at_once(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Loss]]:
        """Each of an evaluation's batches with its loss and metrics, where this `computes_at_once`."""
        assert self._numpy is not None
        try:
            for batch, logps in self._numpy.fixed_logps().of_each(batches):
                arrays = to_mlx(batch)
                reference = arrays.extra.get(REFERENCE)
                loss, metrics = self.run.spec.loss(mx.array(logps), reference, arrays, self.run.options)
                mx.eval(loss, metrics)
                yield batch, (loss, metrics)
        finally:
            self.free_memory()

    def gradient(self, batch: Batch, alone: bool = False) -> tuple[mx.array, dict[str, Any], Any]:
        """(the loss, metrics, its gradient times the batch's weight) of a batch of NumPy arrays; not evaluated, unless
        it `computes_at_once`. With `alone` no other batch is computed meanwhile, and all cores may be used."""
        if self._numpy is not None:
            with openblas.one_thread() if alone else nullcontext():
                return self._gradient_in_numpy(self._numpy, batch, self._numpy.cores if alone else 1)
        self.come_further()
        arrays = to_mlx(batch, TARGETS_MULTIPLE if self.setup.compiles else 1)
        # Differentiating the sum and dividing at the end keeps 16-bit gradients away from zero.
        precomputed = self._precompute(arrays)
        gradient = self._compute_gradient if self.is_by_block else self._gradient
        (_, (loss, metrics)), grad = gradient(self._parameters, arrays, precomputed, self.weight(batch))
        return loss, metrics, grad

    @property
    def computes_at_once(self) -> bool:
        """Whether gradient() computes what it returns, without a change to the model: several threads may be in it."""
        return self._numpy is not None

    def free_memory(self) -> None:
        """Let go of what is kept for the next step alone, and may be asked for anew."""
        if self._numpy is not None:
            self._numpy.free_memory()

    def _gradient_in_numpy(
        self, model: NumpyGradient, batch: Batch, cores: int
    ) -> tuple[mx.array, dict[str, Any], Any]:
        arrays, weight = to_mlx(batch), self.weight(batch)
        reference = arrays.extra.get(REFERENCE)

        def weighted_loss(values: mx.array) -> tuple[mx.array, Loss]:
            logps = scatter_targets(values, arrays)
            loss, metrics = self.run.spec.loss(logps, reference, arrays, self.run.options)
            return loss * weight, (loss, metrics)

        model.merge(self._parameters)
        with model.target_logps(batch, cores) as (logps, backward):
            padding = arrays.places.size - len(logps)  # to_mlx's, where nothing is learned
            values = mx.array(np.pad(logps, (0, padding)))
            (_, (loss, metrics)), logps_gradient = mx.value_and_grad(weighted_loss)(values)
            mx.eval(loss, metrics, logps_gradient)
            gradient_of_logps = np.array(logps_gradient)[: len(logps)]
            gradient = self._flat.join_gradient(backward(gradient_of_logps))
        mx.eval(gradient)
        return loss, metrics, gradient

    def come_further(self) -> None:
        """Tell those who watch the ranks that the layers of a parted model exchange what they compute from now on."""
        if self.setup.is_parted:
            self.group.come_further()

    def with_precomputed(self, batch: Batch) -> tuple[Batch, float]:
        """(a batch that brings along what _precompute() gives, the sum over its rows of that less the reference's):
        what is to be known of a batch that ranks share before its loss."""
        arrays = to_mlx(batch)
        logps = self._precompute(arrays)
        total = (logps - arrays.extra[REFERENCE][len(logps) :]).sum().item()
        return dataclasses.replace(batch, extra=batch.extra | {PRECOMPUTED: np.array(logps)}), total

    def add(self, total: Any, grad: Any) -> Any:
        """The sum of two gradients, `total` that of earlier batches. Those of an adapter are added in float32."""
        in_float32 = self._flat.is_flat
        return tree_map(lambda a, b: a.astype(mx.float32) + b if in_float32 else a + b, total, grad)

    def sum_over_ranks(self, grad: Any) -> Any:
        """A gradient summed over all ranks, as optimizer_step() takes it; `grad` is None where a rank has none."""
        return grad if self.group.size == 1 else self.group.all_sum(self._vectors(grad))

    def begin_sum_over_ranks(self, grad: Any, weight: float, is_waiting: bool) -> tuple[Any, Any]:
        """(the same, the sum of what the gradients of the ranks weigh), neither evaluated: see Group.begin_sum()."""
        tree = {"gradient": self._vectors(grad), "weight": mx.array(weight, mx.float32)}
        total = self.group.begin_sum(tree, is_waiting)
        return total["gradient"], total["weight"]

    def _vectors(self, grad: Any) -> Any:
        if grad is None:
            return tree_map(mx.zeros_like, self._parameters)
        return grad if self.computes_at_once else self._flat.flatten_gradient(grad)

    def copy_from_first_rank(self) -> None:
        """Take over the parameters and the optimizer's state of rank 0."""
        tensors = self.setup.model.trainable_parameters()
        tensors, state = self.group.copy_from_first((tensors, self.optimizer.state))
        self.setup.model.update(tensors)
        self.begin(state)

    def optimizer_step(self, grad: Any, total_weight: float | mx.array, lr: float) -> mx.array:
        """Update the parameters by gradients that were added up and weigh `total_weight`.

        With several ranks both are over all of them: see sum_over_ranks(). Returns the gradient's norm before clipping.
        Nothing is evaluated yet; see `state`.
        """
        self.optimizer.learning_rate = lr
        total = mx.array(total_weight, mx.float32)
        norm, self._parameters, tensors = self._update(self._parameters, grad, total)
        self._flat.put(tensors)
        return norm

    def renew(self) -> None:
        """Drop what work that failed may have left in the model: its tensors follow from the optimizer's again."""
        self._flat.put(self._flat.unflatten(self._parameters))

    def drop_compiled(self, max_shapes: int) -> None:
        """Forget the steps that were compiled, whose memory they hold; at most `max_shapes` are compiled anew."""
        self._compiled.forget(max_shapes)

    def weight(self, batch: Batch) -> float:
        """What a batch counts by in its optimizer step, so that accumulation is no mean of means."""
        if batch.weight is not None:
            return batch.weight
        return float(batch.mask.sum()) if self.run.spec.weight == "tokens" else float(len(batch.rows))

    def count_targets(self, batch: Batch) -> int:
        """How many tokens are learned."""
        return int((batch.mask[: len(batch.mask) // 2] if self.run.spec.precomputed else batch.mask).sum())

    def _compute_gradient(self, parameters: Any, batch: Batch, precomputed: Any, weight: Any) -> Any:
        """((the loss times its weight, (the loss, metrics)), the gradient) for parameters as the optimizer has them."""
        tensors = self._flat.for_step(parameters, self.setup.dtype)
        original = self.setup.model.trainable_parameters()
        try:
            # By tensor, not by vector: MLX then lets go of what it needs of a layer when that layer's part is done.
            with self._flat.in_step():
                return mx.value_and_grad(self._weighted_loss)(tensors, batch, precomputed, weight)
        finally:  # what was differentiated is no tensor to keep
            self.setup.model.update(original)

    def _weighted_loss(
        self, tensors: Any, batch: Batch, precomputed: Any, weight: Any
    ) -> tuple[mx.array, tuple[mx.array, Any]]:
        """Everything that is differentiated, the forward pass included."""
        self._flat.place(tensors)
        loss, metrics = self._loss(batch, precomputed)
        return loss * weight, (loss, metrics)

    def _update_by_tensors(self, parameters: Any, grad: Any, total_weight: mx.array) -> tuple[mx.array, Any, Any]:
        """The same from the gradient of each tensor."""
        return self._update_by_vectors(parameters, self._vectors(grad), total_weight)

    def _update_by_vectors(self, parameters: Any, grad: Any, total_weight: mx.array) -> tuple[mx.array, Any, Any]:
        """(the gradient's norm before clipping, the updated parameters, those as FlatParameters.put() takes them)."""
        grad = tree_map(lambda g: g / total_weight.astype(g.dtype), grad)
        norm = optimizers.global_norm(grad)
        clipped = optimizers.clip(grad, norm, self.run.train.max_grad_norm)
        parameters = self.optimizer.apply_gradients(clipped, parameters)
        return norm, parameters, self._flat.unflatten(parameters)

    def _loss(self, batch: Batch, precomputed: Any) -> Loss:
        setup, reference = self.setup, batch.extra.get(REFERENCE)
        if setup.teacher is not None:
            logps, reference = setup.teacher.compare(setup.model, setup.lm_head, batch, precomputed)
        elif precomputed is not None:
            logps = mx.concatenate([token_logps(setup.model, _half(batch, 0), setup.lm_head), precomputed])
        else:
            logps = token_logps(setup.model, batch, setup.lm_head)
        return self.run.spec.loss(logps, reference, batch, self.run.options)

    def _precompute(self, batch: Batch) -> Any:
        """What is computed first, where no gradient keeps it in memory: a teacher's predictions, or the
        log-probabilities of what a method only measures. None where there is nothing of the kind."""
        if self.setup.teacher is not None:
            return self.setup.teacher.predict(batch)
        if not self.run.spec.precomputed:
            return None
        if PRECOMPUTED in batch.extra:
            return batch.extra[PRECOMPUTED]
        logps = token_logps(self.setup.model, _half(batch, 1), self.setup.lm_head)
        mx.eval(logps)
        return logps


def _half(batch: Batch, half: int) -> Batch:
    """The first (0) or second (1) half of a batch's texts, to be run through the model by itself."""
    middle = batch.tokens.shape[0] // 2
    texts = slice(half * middle, (half + 1) * middle)
    return to_mlx(
        dataclasses.replace(batch, tokens=batch.tokens[texts], mask=batch.mask[texts], lengths=batch.lengths[texts])
    )
