"""Losses over whole distributions (divergences of a distillation), without the logits of all targets in memory at once.

The logits are made in chunks, and the gradient of each chunk is computed while its logits are in memory.
"""

from collections.abc import Callable, Sequence

import mlx.core as mx

from core.model.chunk_sizes import LOGITS_CHUNK
from core.model.lm_head import LMHead

# (logits [m, V] float32, extra arrays [m, ...] of each target ...) -> values [m], each of its own target alone
TargetFunction = Callable[..., tuple[mx.array, ...]]


def compute_per_target(
    lm_head: LMHead, hidden: mx.array, function: TargetFunction, extra: Sequence[mx.array]
) -> tuple[mx.array, ...]:
    """`function` of the logits of every target; each of the arrays it returns has [M] float32.

    hidden [M, D] are the hidden states that predict the targets, `extra` arrays [M, ...] that are handed to `function`
    beside the logits. The gradient goes to `hidden`, and to the output layer where it is trained; none goes to `extra`.
    """

    def from_hidden(h: mx.array, *extra: mx.array) -> tuple[mx.array, ...]:
        return function(lm_head.logits(h).astype(mx.float32), *extra)

    if lm_head.trained:  # the gradient of the layer's own weights needs the logits
        return from_hidden(hidden, *extra)
    size = max(1, LOGITS_CHUNK // lm_head.vocabulary)

    @mx.custom_function
    def in_chunks(h: mx.array) -> list[mx.array]:
        # Each value depends on its own row of h alone, so its gradient can be computed while the logits are in
        # memory: [m, D] is kept where [m, V] would be.
        values: list[list[mx.array]] = []
        gradients: list[list[mx.array]] = []
        for i in range(0, h.shape[0], size):
            h_chunk, extra_chunk = h[i : i + size], [array[i : i + size] for array in extra]
            if values:  # a chunk begins when the one before it is done, or all would be in memory at once
                h_chunk = mx.depends([h_chunk], values[-1] + gradients[-1])[0]
            outputs = from_hidden(h_chunk, *extra_chunk)
            values.append(list(outputs))
            gradients.append([_gradient(from_hidden, n, h_chunk, extra_chunk) for n in range(len(outputs))])
        columns = [*zip(*values, strict=True), *zip(*gradients, strict=True)]
        return [mx.concatenate(list(column)) for column in columns]

    @in_chunks.vjp
    def backward(primals: mx.array, cotangents: list[mx.array], outputs: list[mx.array]) -> mx.array:
        count = len(outputs) // 2
        terms = [c[:, None] * g for c, g in zip(cotangents[:count], outputs[count:], strict=True)]
        return sum(terms[1:], terms[0]).astype(outputs[-1].dtype)

    outputs = in_chunks(hidden)
    return tuple(outputs[: len(outputs) // 2])


def _gradient(function: TargetFunction, index: int, h: mx.array, extra: Sequence[mx.array]) -> mx.array:
    """The gradient of value number `index` of each row [m] with respect to that row of h: [m, D]."""
    _, (gradient,) = mx.vjp(lambda x: function(x, *extra)[index], [h], [mx.ones(h.shape[0])])
    return gradient
