"""The log-probabilities of a batch's targets and their gradient, computed with NumPy: see core.adapters.numpy_weights.

Only the adapters are trained. The loss that is made of the log-probabilities stays the method's own. What it compares
with, the model as it was before, is computed in the same way to the last bit: a loss that is 0 before the first step
would otherwise have a tiny gradient, which Adam makes a whole step of.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from core.adapters.numpy_weights import NumpyWeights, can_use_numpy, make_numpy_weights, normalize
from core.data.batch.batches import Batch
from core.device import openblas
from core.device.parallel import map_in_order
from core.device.parallel_plan import usable_cores
from core.memory.numpy_conditions import objection_to_numpy
from core.model.chunk_sizes import LOGITS_CHUNK, MIN_CHUNK_TOKENS
from core.model.gradient_checkpointing import is_checkpointed
from core.model.log_probs import StepLogps
from core.model.numpy_arrays import Arena
from core.run import Run
from core.text.sentence import say
from core.training.flat_parameters import FlatParameters
from core.training.numpy_attention import mask_tiles
from core.training.numpy_block import (
    Gradients,
    Memory,
    Rows,
    Saved,
    backward,
    count_saved,
    count_saved_without_gradient,
    forward,
)

if TYPE_CHECKING:
    from core.training.model_setup import TrainingModel

Backward = Callable[[np.ndarray], Gradients]


class NumpyGradient:
    """A model's weights with the memory to compute with them, on several threads at a time."""

    def __init__(
        self,
        weights: NumpyWeights,
        checkpointing: bool,
        cores: int = 1,
        temperature: float = 1.0,
        parallel_batches: int = 1,
    ) -> None:
        """`checkpointing`: keep of a block only what goes in, and compute it again. `cores` compute a batch that is
        alone, `parallel_batches` of a step that has several are computed side by side. `temperature` divides the
        logits."""
        self.weights, self.checkpointing, self.cores, self.temperature = weights, checkpointing, cores, temperature
        self.parallel_batches = parallel_batches
        self._lock = threading.Lock()
        self._merged: Any = None
        self._free: list[Memory] = []

    def free_memory(self) -> None:
        """Let go of the memory that is kept for the next step."""
        with self._lock:
            for memory in self._free:
                memory.clear()

    def merge(self, parameters: Any) -> None:
        """Take over the model's adapters as they are now, unless that was done for these very parameters."""
        with self._lock:
            if self._merged is not parameters:
                self.weights.merge()
                self._merged = parameters

    def fixed_logps(self) -> StepLogps:
        """This, with the adapters as they are now: within core.adapters.disable(), without. Until the next merge()."""
        with self._lock:
            self.weights.merge()
            self._merged = None
        return self

    def of_step(self, batches: Sequence[Batch]) -> Iterator[np.ndarray]:
        """Log-probabilities [N, T-1] of the batches of a step, zero where no target is; see core.training.accumulation
        for when several are computed side by side."""
        return (logps for _, logps in self._compute(batches, side_by_side=len(batches) > 1))

    def of_each(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, np.ndarray]]:
        """Each of many batches with its log-probabilities."""
        return self._compute(batches, side_by_side=True)

    def _compute(self, batches: Iterable[Batch], side_by_side: bool) -> Iterator[tuple[Batch, np.ndarray]]:
        if side_by_side and self.parallel_batches > 1:
            yield from map_in_order(self._logps, batches, self.parallel_batches, models=[], one_at_a_time=False)
            return
        for batch in batches:
            with openblas.one_thread():
                logps = self._logps(batch, self.cores)
            yield batch, logps

    def _logps(self, batch: Batch, cores: int = 1) -> np.ndarray:
        logps = np.zeros(batch.mask.shape, np.float32)
        with self._memory(cores) as memory, np.errstate(all="ignore"):
            logps[batch.mask > 0] = _fixed_target_logps(self, batch, memory)
        return logps

    @contextmanager
    def target_logps(self, batch: Batch, cores: int = 1) -> Iterator[tuple[np.ndarray, Backward]]:
        """(log-probabilities of the targets [M] in nats, what makes the adapters' gradients of the gradient of these).

        `batch` holds NumPy arrays. The targets come in the order of the flattened mask. Products take one core each;
        `cores` may be several where no other batch is computed meanwhile.
        """
        with self._memory(cores) as memory, np.errstate(all="ignore"):  # what is no number is told by the loss
            yield _target_logps(self, batch, memory)

    @contextmanager
    def _memory(self, cores: int) -> Iterator[Memory]:
        """Memory for one batch, computed on so many cores."""
        with self._lock:
            memory = self._free.pop() if self._free else Memory(Arena(), [])
        while len(memory.scratch) < cores:
            memory.scratch.append(Arena())
        mark = memory.saved.mark()
        try:
            yield Memory(memory.saved, memory.scratch[:cores])
        finally:
            memory.saved.release(mark)
            self._free.append(memory)


def make_numpy_gradient(
    run: Run, model: "TrainingModel", on_processor: bool, parallel_batches: int, uses_engine: bool, is_parted: bool
) -> tuple[NumpyGradient | None, str]:
    """(what computes the gradient of a run's steps with NumPy, ""), or (None, why MLX does).

    NumPy does for LoRA without dropout on the blocks of models that core.adapters.numpy_weights knows, with nothing
    that is computed before a batch's loss, and where memory holds the weights once more.

    Arguments:
        on_processor: whether steps go on no GPU, nor as on one that may fail.
        uses_engine: whether the Neural Engine computes in the middle of a step.
        is_parted: whether the model is, over ranks.
    """
    if reason := _objection(run, model, on_processor, uses_engine, is_parted):
        return None, reason
    flat = FlatParameters(model.model, is_flat=True)
    if not flat.scales_at_once:
        return None, say("the adapter's layers are not all LoRA of linear layers with one scale")
    if model.lm_head is None:
        return None, say("this family's logits are made everywhere")
    if not can_use_numpy(model.model):
        return None, say("only the blocks of Llama, Mistral, Qwen 2 and Qwen 3 are computed so")
    weights = make_numpy_weights(model.model, few_rows=False)
    if weights is None:
        return None, say("there is no room for a copy of the weights")
    if flat.names != weights.adapter_names:
        return None, say("something other than the linear layers of the blocks is trained")
    temperature = run.options.temperature if run.spec.on_policy else 1.0
    is_checkpointing = is_checkpointed(model.model.layers[0])
    return NumpyGradient(weights, is_checkpointing, usable_cores(), temperature, parallel_batches), ""


def _objection(run: Run, model: "TrainingModel", on_processor: bool, uses_engine: bool, is_parted: bool) -> str:
    """Why the run or its machine do not let NumPy compute the gradient; "" where they do."""
    if not on_processor or model.compiled.used:
        return say("it is for a processor")
    if uses_engine:
        return say("the Neural Engine computes in the middle of a step")
    if is_parted:
        return say("the model is parted over several ranks")
    return objection_to_numpy(run, in_float32=model.dtype == mx.float32)


def _target_logps(model: NumpyGradient, batch: Batch, memory: Memory) -> tuple[np.ndarray, Backward]:
    weights, saved = model.weights, memory.saved
    tokens, rows, sources = _lay_out(weights, batch)
    saved.expect(count_saved(weights, rows, model.checkpointing))
    h, kept = saved.take(tokens.size, weights.embedding.shape[1]), list[Saved | np.ndarray]()
    np.take(weights.embedding, tokens.reshape(-1), axis=0, out=h)
    first = weights.first_trained  # below it no gradient is needed
    for n, block in enumerate(weights.blocks):
        out = saved.take(*h.shape)
        mark = saved.mark()
        of_block = forward(weights, block, h, rows, memory, out)
        is_kept = n >= first and not model.checkpointing
        if not is_kept:
            saved.release(mark)
        kept.append(of_block if is_kept else h)
        h = out
    targets = batch.tokens[:, 1:][batch.mask > 0]
    x, factors = normalize(h[sources], weights.eps)
    logps, gradient = np.empty(len(x), np.float32), saved.take(*x.shape)

    def head(rows: slice, scratch: Arena) -> None:
        _head(weights, x[rows], targets[rows], model.temperature, logps[rows], gradient[rows], scratch)

    if len(x):
        memory.share_out(len(x), head)

    def back(logps_gradient: np.ndarray) -> Gradients:
        gradient_of_x = gradient * logps_gradient[:, None]
        means = np.einsum("nd,nd->n", gradient_of_x, x)[:, None] / np.float32(x.shape[1])
        grad = saved.take(*h.shape)
        grad[:] = 0
        _add_rows(grad, sources, (gradient_of_x - x * means) * factors)
        gradients = Gradients()
        for n in reversed(range(first, len(kept))):
            block, of_block = weights.blocks[n], kept[n]
            mark = saved.mark()
            if not isinstance(of_block, Saved):
                of_block = forward(weights, block, of_block, rows, memory, saved.take(*grad.shape))
            gradients |= backward(weights, block, grad, of_block, rows, memory, is_first=n == first)
            saved.release(mark)
        return gradients

    return logps, back


def _fixed_target_logps(model: NumpyGradient, batch: Batch, memory: Memory) -> np.ndarray:
    """The log-probabilities alone, with the same operations on arrays of the same shapes."""
    weights, saved = model.weights, memory.saved
    tokens, rows, sources = _lay_out(weights, batch)
    saved.expect(count_saved_without_gradient(weights, rows))
    h, out = (saved.take(tokens.size, weights.embedding.shape[1]) for _ in range(2))
    np.take(weights.embedding, tokens.reshape(-1), axis=0, out=h)
    for block in weights.blocks:
        mark = saved.mark()
        forward(weights, block, h, rows, memory, out)
        saved.release(mark)
        h, out = out, h
    targets = batch.tokens[:, 1:][batch.mask > 0]
    x, _ = normalize(h[sources], weights.eps)
    logps = np.empty(len(x), np.float32)

    def head(rows: slice, scratch: Arena) -> None:
        _head(weights, x[rows], targets[rows], model.temperature, logps[rows], None, scratch)

    if len(x):
        memory.share_out(len(x), head)
    return logps


def _lay_out(weights: NumpyWeights, batch: Batch) -> tuple[np.ndarray, Rows, np.ndarray]:
    """(the tokens [R, W] that go through the model, how they lie, where each target is predicted [M])."""
    layout = batch.layout
    if layout is None:
        tokens = batch.tokens[:, :-1]
        positions, sources = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape), np.flatnonzero(batch.mask)
        segments, sub_segments = np.ones_like(tokens[:1]), np.zeros_like(tokens[:1])  # every row's
    else:
        tokens, segments, sub_segments = layout.tokens, layout.segments, layout.sub_segments
        positions, sources = layout.positions, layout.sources
    cosine, sine = weights.rotations(positions.reshape(-1))
    return tokens, Rows(tokens.shape, mask_tiles(segments, sub_segments), cosine, sine), sources


def _head(
    weights: NumpyWeights,
    x: np.ndarray,
    targets: np.ndarray,
    temperature: float,
    logps: np.ndarray,
    gradient: np.ndarray | None,
    scratch: Arena,
) -> None:
    """Write log-probabilities of the targets to `logps` [M] and their gradient with respect to x [M, D] to `gradient`,
    where it is asked for.

    A chunk of the logits at a time: while they are in memory, what the gradient needs of them is computed.
    """
    output, bias = weights.output
    norm = weights.norm / np.float32(temperature)
    size = max(MIN_CHUNK_TOKENS, LOGITS_CHUNK // output.shape[1])
    for first in range(0, len(x), size):
        rows, mark = slice(first, first + size), scratch.mark()
        hidden, ids = x[rows] * norm, targets[rows]
        e = np.matmul(hidden, output, out=scratch.take(len(hidden), output.shape[1]))
        if bias is not None:
            e += bias / np.float32(temperature)
        chosen, largest = e[np.arange(len(ids)), ids], e.max(axis=1)
        e -= largest[:, None]
        np.exp(e, out=e)
        total = e.sum(axis=1)
        logps[rows] = chosen - largest - np.log(total)
        if gradient is not None:
            np.matmul(e, output.T, out=gradient[rows])
            gradient[rows] /= -total[:, None]
            gradient[rows] += output.T[ids]
            gradient[rows] *= norm
        scratch.release(mark)


def _add_rows(total: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
    """Add rows to those at `places` of `total`; several may belong to one place."""
    order = np.argsort(places, kind="stable")
    unique, firsts = np.unique(places[order], return_index=True)
    if len(unique):
        total[unique] += np.add.reduceat(rows[order], firsts, axis=0)
