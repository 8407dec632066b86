"""The last layer apart from the rest, so that logits are made only where something is learned, a piece at a time.

Logits are most of a training step's memory: one number for every token of the vocabulary at every position. A
loss needs them only at the targets, and of each target only one log-probability. Which part of a model is its
last layer differs between architectures, so what is found is measured before it is used (see `find`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.model.fast_exp import exp

LOGITS_CHUNK = 1 << 20  # numbers in one piece of logits: 4 MB in float32, of which a few are in memory at a time
GPU_LOGITS_CHUNK = 1 << 26  # the same on a GPU, which small products leave idle
MIN_CHUNK_TOKENS = 64  # rows in a piece, however large the vocabulary
TOLERANCE = {mx.float32: 1e-5, mx.bfloat16: 1e-2, mx.float16: 2e-3}


@dataclass(frozen=True)
class LMHead:
    """A model in two parts: `body` makes hidden states [N, T, D] from tokens, `logits` the rest."""

    body: Any
    logits: Callable[[mx.array], mx.array]
    layer: nn.Module  # the module whose weights `logits` uses
    vocabulary: int

    @property
    def trained(self) -> bool:
        return bool(tree_flatten(self.layer.trainable_parameters()))

    def target_logps(self, hidden: mx.array, targets: mx.array) -> mx.array:
        """Log-probability of each target, [M] float32, from its hidden state [M, D]."""
        if self.trained:  # its own gradient needs the logits
            return _chosen(self.logits(hidden).astype(mx.float32), targets)
        gpu = mx.default_device() == mx.gpu
        size = max(MIN_CHUNK_TOKENS, (GPU_LOGITS_CHUNK if gpu else LOGITS_CHUNK) // self.vocabulary)

        def value(h: mx.array, t: mx.array) -> tuple[mx.array, ...]:
            logits = self.logits(h).astype(mx.float32)
            return (_chosen(logits, t) if gpu else -_costs(logits, t)[0],)

        if not self.layer.training:  # no gradient is asked for
            return _in_turn(value, hidden, targets, size)[0]

        def piece(h: mx.array, t: mx.array) -> tuple[mx.array, ...]:
            """(what each target costs [m], its gradient with respect to each row of h [m, D])."""
            logits = self.logits(h)  # [m, V]
            costs, slope, total = _fused(logits, t) if gpu else _plain(logits, t)
            # What vjp computes of the logits a second time is not asked for, and so not computed.
            _, (gradient,) = mx.vjp(self.logits, [h], [slope])
            return costs, gradient if total is None else (gradient / total).astype(gradient.dtype)

        @mx.custom_function
        def pieces(h: mx.array) -> tuple[mx.array, mx.array]:
            # What a target costs depends on its own row of h alone, so its gradient can be made at once, while
            # the logits are here: [m, D] is kept where [m, V] would be, and nothing is computed twice.
            costs, slopes = _in_turn(piece, h, targets, size)
            return costs, slopes

        @pieces.vjp
        def backward(primals: Any, cotangents: Any, outputs: Any) -> mx.array:
            weight, slopes = cotangents[0], outputs[1]
            return (weight[:, None] * slopes).astype(slopes.dtype)

        values: mx.array = -pieces(hidden)[0]
        return values


def _in_turn(work: Any, h: mx.array, targets: mx.array, size: int) -> list[mx.array]:
    """What `work` makes of pieces of so many rows, joined. A piece begins when the one before it has gone."""
    made: list[tuple[mx.array, ...]] = []
    for i in range(0, h.shape[0], size):
        part = h[i : i + size]
        if made:
            part = mx.depends([part], list(made[-1]))[0]
        made.append(work(part, targets[i : i + size]))
    return [mx.concatenate(parts) for parts in zip(*made, strict=True)]


def _chosen(logits: mx.array, targets: mx.array) -> mx.array:
    """Log-probability of one token a row: [m, V] and [m] to [m]."""
    return mx.take_along_axis(logits, targets[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)


def _costs(logits: mx.array, targets: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """(minus the log-probability of one token a row [m], the exponentials behind it [m, V], their sums [m, 1]), of
    float32 logits and without a gradient."""
    top = logits.max(axis=-1, keepdims=True)
    e = exp(logits - top)
    total = e.sum(axis=-1, keepdims=True)
    return (mx.log(total) + top - mx.take_along_axis(logits, targets[:, None], axis=-1)).squeeze(-1), e, total


def _plain(logits: mx.array, targets: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """(minus the log-probability of one token a row [m] float32, its gradient with respect to the logits [m, V] times
    a total, that total [m, 1]): to divide what comes of it costs less than to divide the whole."""
    costs, e, total = _costs(logits.astype(mx.float32), targets)
    return costs, e.at[mx.arange(targets.size), targets].add(-total.squeeze(-1)).astype(logits.dtype), total


def _fused(logits: mx.array, targets: mx.array) -> tuple[mx.array, mx.array, None]:
    """The same in one kernel each, on a GPU, the gradient as it is."""
    ones = mx.ones(targets.shape)
    (costs,), (slope,) = mx.vjp(lambda x: mx.fast.cross_entropy(x, targets), [logits], [ones])
    return costs, slope, None


def find_lm_head(model: Any, dtype: mx.Dtype) -> tuple[LMHead | None, str]:
    """(the model in two parts, why) or (None, why not). Scales and caps behind the last layer belong to the second."""
    inner = getattr(model, "language_model", model)
    body = getattr(inner, "model", getattr(inner, "backbone", None))
    layer = getattr(inner, "lm_head", None)
    last = layer
    if layer is None:  # tied: the embedding is the last layer too
        layer = getattr(body, "embed_tokens", None)
        last = getattr(layer, "as_linear", None)
    if body is None or layer is None or last is None:
        return None, "this architecture's last layer cannot be taken apart"
    tokens = mx.array([[1, 2, 3, 4, 5, 6, 7]])
    try:
        whole, hidden = model(tokens), body(tokens)
        mx.eval(whole, hidden)
        for ending in _endings(inner, body):
            logits = last if ending is None else _then(last, ending)
            apart = logits(hidden)
            if whole.shape == apart.shape and _relative(apart, whole) <= TOLERANCE.get(dtype, 1e-5):
                head = LMHead(body, logits, layer, whole.shape[-1])
                return head, "measured on this model: both ways give the same logits"
    except (AttributeError, TypeError, ValueError, IndexError):
        return None, "this architecture's last layer cannot be taken apart"
    return None, "this architecture changes its logits behind the last layer"


def _endings(inner: Any, body: Any) -> Iterator[Callable[[mx.array], mx.array] | None]:
    """What mlx-lm's models are known to do to their logits behind the last layer; None for nothing.

    Nothing comes last: small logits hardly show a cap.
    """
    scale = getattr(getattr(body, "args", None), "logit_scale", None)  # Cohere
    if scale:
        yield lambda x: x * scale
    divisor = getattr(inner, "logits_scaling", None)  # Granite
    if divisor:
        yield lambda x: x / divisor
    cap = getattr(inner, "final_logit_softcapping", None)  # Gemma
    if cap:
        yield lambda x: mx.tanh(x / cap) * cap
    yield None


def _then(
    first: Callable[[mx.array], mx.array], second: Callable[[mx.array], mx.array]
) -> Callable[[mx.array], mx.array]:
    return lambda x: second(first(x))


def _relative(a: mx.array, b: mx.array) -> float:
    a, b = a.astype(mx.float32), b.astype(mx.float32)
    return float(mx.linalg.norm(a - b) / mx.linalg.norm(b))
