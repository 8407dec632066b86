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

CHUNK = 1 << 24  # numbers in one piece of logits: 64 MB in float32
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

        def logps(h: mx.array, t: mx.array) -> mx.array:
            logits = self.logits(h).astype(mx.float32)  # [m, V]
            return mx.take_along_axis(logits, t[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)

        if self.trained:  # its own gradient needs the logits
            return logps(hidden, targets)
        size = max(1, CHUNK // self.vocabulary)

        @mx.custom_function
        def pieces(h: mx.array) -> tuple[mx.array, mx.array]:
            # Each log-probability depends on its own row of h alone, so its gradient can be made at once, while
            # the logits are here: [m, D] is kept where [m, V] would be, and nothing is computed twice.
            values, slopes = [], []
            for i in range(0, h.shape[0], size):
                part, t = h[i : i + size], targets[i : i + size]
                (value,), (slope,) = mx.vjp(lambda x, t=t: logps(x, t), [part], [mx.ones((part.shape[0],))])
                values.append(value)
                slopes.append(slope)
            return mx.concatenate(values), mx.concatenate(slopes)

        @pieces.vjp
        def backward(primals: Any, cotangents: Any, outputs: Any) -> mx.array:
            weight, slopes = cotangents[0], outputs[1]
            return (weight[:, None] * slopes).astype(slopes.dtype)

        values: mx.array = pieces(hidden)[0]
        return values


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
