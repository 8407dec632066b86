"""The last layer apart from the rest, so that logits are made only where something is learned, a piece at a time.

Logits are most of a training step's memory: one number for every token of the vocabulary at every position. A
loss needs them only at the targets, and of each target only one log-probability. Which part of a model is its
last layer differs between architectures, so what is found is measured before it is used (see `find`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

CHUNK = 1 << 22  # numbers in one piece of logits: 16 MB in float32, of which a few are in memory at a time
FEWEST = 64  # rows in a piece, however large the vocabulary
EXACT = {mx.float32: 1e-5, mx.bfloat16: 1e-2, mx.float16: 2e-3}


@dataclass(frozen=True)
class Head:
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
        size = max(FEWEST, CHUNK // self.vocabulary)

        def piece(h: mx.array, t: mx.array) -> tuple[mx.array, mx.array]:
            """(what each target costs [m], its gradient with respect to each row of h [m, D])."""
            logits = self.logits(h)  # [m, V]
            costs, slope = _fused(logits, t) if mx.default_device() == mx.gpu else _plain(logits, t)
            # What vjp computes of the logits a second time is not asked for, and so not computed.
            _, (gradient,) = mx.vjp(self.logits, [h], [slope])
            return costs, gradient

        @mx.custom_function
        def pieces(h: mx.array) -> tuple[mx.array, mx.array]:
            # What a target costs depends on its own row of h alone, so its gradient can be made at once, while
            # the logits are here: [m, D] is kept where [m, V] would be, and nothing is computed twice.
            made: list[tuple[mx.array, mx.array]] = []
            for i in range(0, h.shape[0], size):
                part = h[i : i + size]
                if made:  # a piece begins when the one before it has gone, or all would be in memory at once
                    part = mx.depends([part], list(made[-1]))[0]
                made.append(piece(part, targets[i : i + size]))
            costs, slopes = zip(*made, strict=True)
            return mx.concatenate(costs), mx.concatenate(slopes)

        @pieces.vjp
        def backward(primals: Any, cotangents: Any, outputs: Any) -> mx.array:
            weight, slopes = cotangents[0], outputs[1]
            return (weight[:, None] * slopes).astype(slopes.dtype)

        values: mx.array = -pieces(hidden)[0]
        return values


def _chosen(logits: mx.array, targets: mx.array) -> mx.array:
    """Log-probability of one token a row: [m, V] and [m] to [m]."""
    return mx.take_along_axis(logits, targets[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)


def _plain(logits: mx.array, targets: mx.array) -> tuple[mx.array, mx.array]:
    """(minus the log-probability of one token a row [m] float32, its gradient with respect to the logits [m, V])."""
    wide = logits.astype(mx.float32)
    p = mx.softmax(wide, axis=-1)
    # log Σ exp from what the softmax knows already: exponentials are most of the time here on a processor.
    total = wide.max(axis=-1) - mx.log(p.max(axis=-1))
    costs = total - mx.take_along_axis(wide, targets[:, None], axis=-1).squeeze(-1)
    return costs, p.at[mx.arange(targets.size), targets].add(-1.0).astype(logits.dtype)


def _fused(logits: mx.array, targets: mx.array) -> tuple[mx.array, mx.array]:
    """The same in one kernel each, on a GPU."""
    ones = mx.ones(targets.shape)
    (costs,), (slope,) = mx.vjp(lambda x: mx.fast.cross_entropy(x, targets), [logits], [ones])
    return costs, slope


def find(model: Any, dtype: mx.Dtype) -> tuple[Head | None, str]:
    """(the model in two parts, why) or (None, why not): some scale or cap their logits behind the last layer."""
    inner = getattr(model, "language_model", model)
    body = getattr(inner, "model", None)
    layer = getattr(inner, "lm_head", None)
    logits = layer
    if layer is None:  # tied: the embedding is the last layer too
        layer = getattr(body, "embed_tokens", None)
        logits = getattr(layer, "as_linear", None)
    if body is None or layer is None or logits is None:
        return None, "this architecture's last layer cannot be taken apart"
    tokens = mx.array([[1, 2, 3, 4, 5, 6, 7]])
    try:
        whole, apart = model(tokens), logits(body(tokens))
        mx.eval(whole, apart)
    except (AttributeError, TypeError, ValueError, IndexError):
        return None, "this architecture's last layer cannot be taken apart"
    if whole.shape != apart.shape or not _relative(apart, whole) <= EXACT.get(dtype, 1e-5):
        return None, "this architecture changes its logits behind the last layer"
    return Head(body, logits, layer, whole.shape[-1]), "measured on this model: both ways give the same logits"


def _relative(a: mx.array, b: mx.array) -> float:
    a, b = a.astype(mx.float32), b.astype(mx.float32)
    return float(mx.linalg.norm(a - b) / mx.linalg.norm(b))
