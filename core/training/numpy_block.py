"""One block of a model forward and back with NumPy: the residual stream, and the gradients of its adapters.

The base is frozen and its products hold the adapters (core.adapters.numpy_weights), so that y = x W with
W = base + A B takes one product each way; with the gradient g of y, A has xᵀ (g Bᵀ) and B has (x A)ᵀ g.

Shapes: N tokens of R rows, D numbers of the residual stream, H query and K key heads of a size, I inner numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from core.adapters.numpy_weights import Block, NumpyWeights, Product, normalize
from core.device.parallel import share_out
from core.model.numpy_arrays import Arena
from core.training.numpy_attention import MaskedTile, Scores, attend, attend_backward
from core.training.numpy_rotation import rotate, rotate_gradient

Result = TypeVar("Result")
Gradients = dict[str, np.ndarray]  # of the adapters' tensors, by name; B's with respect to B as it was scaled


@dataclass(frozen=True)
class Rows:
    """How the tokens lie that go through the model."""

    shape: tuple[int, int]  # [R, W]
    tiles: Sequence[MaskedTile]
    cosine: np.ndarray  # [N, 1, 2, size / 2], as NumpyWeights.rotations() gives them
    sine: np.ndarray


@dataclass(frozen=True)
class Memory:
    """Memory to compute with, on as many cores as there is scratch memory for."""

    saved: Arena  # what is kept for the gradient
    scratch: list[Arena]  # what nobody needs when a piece of work is done, for each core

    def clear(self) -> None:
        """Let go of it while nobody computes in it."""
        for arena in (self.saved, *self.scratch):
            arena.clear()

    def share_out(self, count: int, work: Callable[[slice, Arena], Result]) -> list[Result]:
        """Do work on `count` tokens or heads, each core some of them. Returns the results of all."""
        cores = min(len(self.scratch), count)
        ends = [count * n // cores for n in range(cores + 1)]

        def compute(core: int) -> Result:
            scratch = self.scratch[core]
            mark = scratch.mark()
            with np.errstate(all="ignore"):  # e^-x is infinite where the sigmoid of x is 0
                result = work(slice(ends[core], ends[core + 1]), scratch)
            scratch.release(mark)
            return result

        return share_out(compute, cores)


@dataclass(frozen=True)
class Saved:
    """What the gradient of a block needs of its forward pass."""

    h: np.ndarray  # the residual stream before it [N, D]
    qkv: np.ndarray  # queries, keys and values as their product gave them [N, (H + 2 K) size]
    heads: np.ndarray  # queries and keys, normed, rotated and queries scaled [N, (H + K) size]
    scores: list[Scores]
    attended: np.ndarray  # [N, H size]
    middle: np.ndarray  # the residual stream after attention [N, D]
    gate_up: np.ndarray  # [N, 2 I]


def count_saved(weights: NumpyWeights, rows: Rows, checkpointing: bool) -> int:
    """Numbers of memory.saved that a forward pass through all blocks and its gradient take, or hardly more."""
    count, width = rows.shape[0] * rows.shape[1], int(weights.embedding.shape[1])
    block, attended, kept = weights.blocks[0], weights.heads * weights.size, _count_kept(weights, rows)
    of_one = count * (attended + block.qkv.outputs + 2 * width)  # the gradients in one block, and the last one's output
    blocks = len(weights.blocks)
    if checkpointing:  # the second forward pass has an output of its own
        return count * width * (blocks + 2) + kept + of_one
    return count * width * (blocks + 1) + (blocks - weights.first_trained) * kept + of_one


def count_saved_without_gradient(weights: NumpyWeights, rows: Rows) -> int:
    """Numbers of memory.saved that a forward pass alone takes: what goes in and out, and what one block keeps."""
    return 2 * rows.shape[0] * rows.shape[1] * int(weights.embedding.shape[1]) + _count_kept(weights, rows)


def _count_kept(weights: NumpyWeights, rows: Rows) -> int:
    """Numbers that one block keeps for its gradient."""
    count, width = rows.shape[0] * rows.shape[1], int(weights.embedding.shape[1])
    block, attended = weights.blocks[0], weights.heads * weights.size
    scores = sum(tile.tile.queries * (tile.tile.keys + 1) for tile in rows.tiles) * rows.shape[0] * weights.heads
    heads = attended + weights.key_heads * weights.size
    return count * (block.qkv.outputs + heads + attended + width + block.gate_up.outputs) + scores


def forward(weights: NumpyWeights, block: Block, h: np.ndarray, rows: Rows, memory: Memory, out: np.ndarray) -> Saved:
    """Write the residual stream after a block to `out` [N, D], from that before it, h [N, D]."""
    take, count = memory.saved.take, len(h)
    kept = Saved(
        h,
        take(count, block.qkv.outputs),
        take(count, (weights.heads + weights.key_heads) * weights.size),
        [Scores.take(tile, rows.shape[0], weights.heads, weights.key_heads, memory.saved) for tile in rows.tiles],
        take(count, weights.heads * weights.size),
        take(*h.shape),
        take(count, block.gate_up.outputs),
    )
    q, k, v = _parts(weights, rows, kept)
    attended = kept.attended.reshape(q.shape)

    def before_attention(tokens: slice, scratch: Arena) -> None:
        x, _ = normalize(h[tokens], block.eps[0], scratch.take(*h[tokens].shape))
        qkv = block.qkv(x, kept.qkv[tokens])
        rotate(weights, block, qkv, rows.cosine[tokens], rows.sine[tokens], kept.heads[tokens], scratch)

    def attention(key_heads: slice, scratch: Arena) -> None:
        heads = _query_heads(weights, key_heads)
        scores = [tile.of(key_heads) for tile in kept.scores]
        attend(q[:, :, heads], k[:, :, key_heads], v[:, :, key_heads], attended[:, :, heads], rows.tiles, scores)

    def after_attention(tokens: slice, scratch: Arena) -> None:
        middle = block.out(kept.attended[tokens], kept.middle[tokens])
        middle += h[tokens]
        x, _ = normalize(middle, block.eps[2], scratch.take(*middle.shape))
        gate, up = np.split(block.gate_up(x, kept.gate_up[tokens]), 2, axis=1)
        y = _sigmoid(gate, scratch.take(*gate.shape))
        y *= gate
        y *= up
        block.down(y, out[tokens])
        out[tokens] += middle

    memory.share_out(count, before_attention)
    memory.share_out(weights.key_heads, attention)
    memory.share_out(count, after_attention)
    return kept


def backward(
    weights: NumpyWeights, block: Block, grad: np.ndarray, kept: Saved, rows: Rows, memory: Memory, is_first: bool
) -> Gradients:
    """The gradients of a block's adapters; turns that of the residual stream after it, `grad` [N, D], into the one
    before it, which is not needed of the first block."""
    q, k, v = _parts(weights, rows, kept)
    attended = kept.attended.reshape(q.shape)
    attended_grad = memory.saved.take(*kept.attended.shape)
    qkv_grad = memory.saved.take(*kept.qkv.shape)
    parts = qkv_grad.reshape(*rows.shape, -1, weights.size)
    q_grad, k_grad, v_grad = np.split(parts, [weights.heads, weights.heads + weights.key_heads], axis=2)

    def after_attention(tokens: slice, scratch: Arena) -> Gradients:
        mine = Gradients()
        _feed_forward_gradient(block, grad[tokens], kept.middle[tokens], kept.gate_up[tokens], scratch, mine)
        _adapter_gradients(block.out, kept.attended[tokens], grad[tokens], scratch, mine)
        np.matmul(grad[tokens], block.out.weight.T, out=attended_grad[tokens])
        return mine

    def attention(key_heads: slice, scratch: Arena) -> None:
        heads = _query_heads(weights, key_heads)
        attend_backward(
            attended_grad.reshape(q.shape)[:, :, heads],
            attended[:, :, heads],
            q[:, :, heads],
            k[:, :, key_heads],
            v[:, :, key_heads],
            rows.tiles,
            [tile.of(key_heads) for tile in kept.scores],
            (q_grad[:, :, heads], k_grad[:, :, key_heads], v_grad[:, :, key_heads]),
            scratch,
        )

    def before_attention(tokens: slice, scratch: Arena) -> Gradients:
        turn = rows.cosine[tokens], rows.sine[tokens]
        rotate_gradient(weights, block, kept.qkv[tokens], qkv_grad[tokens], *turn, scratch)
        x, factors = normalize(kept.h[tokens], block.eps[0], scratch.take(*grad[tokens].shape))
        mine = Gradients()
        _adapter_gradients(block.qkv, x, qkv_grad[tokens], scratch, mine)
        if not is_first:
            _add_norm_gradient(_input_gradient(block.qkv, qkv_grad[tokens], scratch), x, factors, grad[tokens])
        return mine

    gradients = _sum(memory.share_out(len(grad), after_attention))
    memory.share_out(weights.key_heads, attention)
    return gradients | _sum(memory.share_out(len(grad), before_attention))


def _sum(gradients: Sequence[Gradients]) -> Gradients:
    """The sum of what the cores have computed, each from some tokens."""
    first, *others = gradients
    for other in others:
        for name, value in other.items():
            first[name] += value
    return first


def _feed_forward_gradient(
    block: Block, grad: np.ndarray, middle: np.ndarray, gate_up: np.ndarray, scratch: Arena, gradients: Gradients
) -> None:
    """Add to `grad` what the feed-forward part adds to the gradient of the residual stream, from the one after it."""
    gate, up = np.split(gate_up, 2, axis=1)
    gate_up_grad = scratch.take(*gate_up.shape)
    gate_grad, up_grad = np.split(gate_up_grad, 2, axis=1)
    y_grad = _input_gradient(block.down, grad, scratch)
    sigmoid = _sigmoid(gate, scratch.take(*gate.shape))
    silu = np.multiply(gate, sigmoid, out=scratch.take(*gate.shape))
    np.multiply(y_grad, silu, out=up_grad)
    y_grad *= up
    np.multiply(sigmoid, silu, out=gate_grad)  # the slope of silu is silu - sigmoid silu + sigmoid
    np.subtract(silu, gate_grad, out=gate_grad)
    gate_grad += sigmoid
    gate_grad *= y_grad
    silu *= up
    _adapter_gradients(block.down, silu, grad, scratch, gradients)
    x, factors = normalize(middle, block.eps[2], scratch.take(*grad.shape))
    _adapter_gradients(block.gate_up, x, gate_up_grad, scratch, gradients)
    _add_norm_gradient(_input_gradient(block.gate_up, gate_up_grad, scratch), x, factors, grad)


def _sigmoid(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)
    return out


def _input_gradient(product: Product, grad: np.ndarray, scratch: Arena) -> np.ndarray:
    """The gradient of a product's input [N, in], from that of its output."""
    x_grad: np.ndarray = np.matmul(grad, product.weight.T, out=scratch.take(len(grad), len(product.weight)))
    return x_grad


def _adapter_gradients(product: Product, x: np.ndarray, grad: np.ndarray, scratch: Arena, gradients: Gradients) -> None:
    """Add the gradients of a product's adapters, from its input and the gradient of its output."""
    if not product.adapters:
        return
    a = np.concatenate([adapter.a for adapter in product.adapters], axis=1)
    narrow = np.matmul(x, a, out=scratch.take(len(x), a.shape[1]))  # [N, sum of ranks]
    narrow_grad, first = scratch.take(*narrow.shape), 0
    for adapter in product.adapters:
        ranks, outputs = slice(first, first + len(adapter.b)), grad[:, adapter.outputs]
        np.matmul(outputs, adapter.b.T, out=narrow_grad[:, ranks])
        gradients[f"{adapter.name}.lora_b"] = narrow[:, ranks].T @ outputs
        first = ranks.stop
    a_grad = x.T @ narrow_grad
    if product.norm is not None:
        a_grad *= product.norm[:, None]
    first = 0
    for adapter in product.adapters:
        gradients[f"{adapter.name}.lora_a"] = a_grad[:, first : first + len(adapter.b)]
        first += len(adapter.b)


def _add_norm_gradient(x_grad: np.ndarray, x: np.ndarray, factors: np.ndarray, total: np.ndarray) -> None:
    """Add the gradient of what normalize() was given, from its results and the gradient of `x`; spoils both."""
    means = np.einsum("nd,nd->n", x_grad, x)[:, None] / np.float32(x.shape[1])
    x *= means
    x_grad -= x
    x_grad *= factors
    total += x_grad


def _parts(weights: NumpyWeights, rows: Rows, kept: Saved) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(queries [R, W, H, size], keys, values [R, W, K, size]), views."""
    queries, keys = np.split(kept.heads.reshape(*rows.shape, -1, weights.size), [weights.heads], axis=2)
    return queries, keys, kept.qkv.reshape(*rows.shape, -1, weights.size)[:, :, weights.heads + weights.key_heads :]


def _query_heads(weights: NumpyWeights, key_heads: slice) -> slice:
    """The query heads that some key heads belong to."""
    shared = weights.heads // weights.key_heads
    return slice(key_heads.start * shared, key_heads.stop * shared)
