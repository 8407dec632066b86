"""The output layer (lm_head) apart from the rest of a model, so that logits are made at the targets only, in chunks.

Logits take most of the memory of a training step: one number for every token of the vocabulary at every position. A
loss needs them only at the targets, and of each target only one log-probability. Which part of a model is its output
layer differs between architectures, so the split is measured on the model before it is used (`find_lm_head`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.model.chunk_sizes import GPU_LOGITS_CHUNK, LOGITS_CHUNK, MIN_CHUNK_TOKENS
from core.model.fast_exp import exp
from core.text.sentence import say

# Largest relative difference between the logits of the whole model and of its two parts.
TOLERANCE = {mx.float32: 1e-5, mx.bfloat16: 1e-2, mx.float16: 2e-3}


@dataclass(frozen=True)
class LMHead:
    """A model in two parts: `body` makes hidden states [N, T, D] from tokens [N, T], `logits` the logits from those."""

    body: Any
    logits: Callable[[mx.array], mx.array]  # hidden states [..., D] to logits [..., V], with scales and caps
    layer: nn.Module  # the module whose weights `logits` uses
    vocabulary: int  # V

    @property
    def trained(self) -> bool:
        """Whether a weight of the output layer is trained."""
        return bool(tree_flatten(self.layer.trainable_parameters()))

    def target_logps(self, hidden: mx.array, targets: mx.array) -> mx.array:
        """The log-probability of each target, [M] float32, in nats.

        hidden [M, D] are the hidden states that predict the targets, token ids [M]. The gradient goes to `hidden`,
        and to the output layer where it is trained.
        """
        if self.trained:  # the gradient of the layer's own weights needs the logits
            return _token_logps(self.logits(hidden).astype(mx.float32), targets)
        gpu = mx.default_device() == mx.gpu
        size = max(MIN_CHUNK_TOKENS, (GPU_LOGITS_CHUNK if gpu else LOGITS_CHUNK) // self.vocabulary)

        def logps(h: mx.array, t: mx.array) -> tuple[mx.array, ...]:
            logits = self.logits(h).astype(mx.float32)
            return (_token_logps(logits, t) if gpu else -_cross_entropy(logits, t)[0],)

        if not self.layer.training:  # no gradient will be computed
            return _in_chunks(logps, hidden, targets, size)[0]

        def losses_and_gradients(h: mx.array, t: mx.array) -> tuple[mx.array, ...]:
            """(cross-entropy of each target [m], its gradient with respect to each row of h [m, D])."""
            logits = self.logits(h)  # [m, V]
            losses, logits_gradient, total = _fused_gradient(logits, t) if gpu else _scaled_gradient(logits, t)
            # The logits that vjp would compute a second time are not used, and so not computed.
            _, (gradient,) = mx.vjp(self.logits, [h], [logits_gradient])
            return losses, gradient if total is None else (gradient / total).astype(gradient.dtype)

        @mx.custom_function
        def in_chunks(h: mx.array) -> tuple[mx.array, mx.array]:
            # The loss of a target depends on its own row of h alone, so its gradient can be computed while the logits
            # are in memory: [m, D] is kept where [m, V] would be, and nothing is computed twice.
            losses, gradients = _in_chunks(losses_and_gradients, h, targets, size)
            return losses, gradients

        @in_chunks.vjp
        def backward(primals: Any, cotangents: Any, outputs: Any) -> mx.array:
            weight, gradients = cotangents[0], outputs[1]
            return (weight[:, None] * gradients).astype(gradients.dtype)

        values: mx.array = -in_chunks(hidden)[0]
        return values


def _in_chunks(function: Any, h: mx.array, targets: mx.array, size: int) -> list[mx.array]:
    """The results of `function` for chunks of `size` rows, concatenated. A chunk begins when the one before is done."""
    results: list[tuple[mx.array, ...]] = []
    for i in range(0, h.shape[0], size):
        chunk = h[i : i + size]
        if results:
            chunk = mx.depends([chunk], list(results[-1]))[0]
        results.append(function(chunk, targets[i : i + size]))
    return [mx.concatenate(arrays) for arrays in zip(*results, strict=True)]


def _token_logps(logits: mx.array, targets: mx.array) -> mx.array:
    """Log-probability of one token a row: logits [m, V] and token ids [m] to [m]."""
    return mx.take_along_axis(logits, targets[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)


def _cross_entropy(logits: mx.array, targets: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """(cross-entropy of one token a row [m], e^(logit - row maximum) [m, V], their sums [m, 1]).

    From float32 logits [m, V] and token ids [m]; without a gradient.
    """
    maxima = logits.max(axis=-1, keepdims=True)
    e = exp(logits - maxima)
    total = e.sum(axis=-1, keepdims=True)
    return (mx.log(total) + maxima - mx.take_along_axis(logits, targets[:, None], axis=-1)).squeeze(-1), e, total


def _scaled_gradient(logits: mx.array, targets: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """(cross-entropy of one token a row [m] float32, its gradient times a total [m, V], that total [m, 1]).

    The gradient is with respect to the logits: softmax - one_hot. Dividing the [m, D] that follow from it by the total
    costs less than dividing [m, V].
    """
    losses, e, total = _cross_entropy(logits.astype(mx.float32), targets)
    return losses, e.at[mx.arange(targets.size), targets].add(-total.squeeze(-1)).astype(logits.dtype), total


def _fused_gradient(logits: mx.array, targets: mx.array) -> tuple[mx.array, mx.array, None]:
    """The same in one kernel each, on a GPU: (cross-entropy [m], its gradient [m, V] as it is, None)."""
    cotangent = mx.ones(targets.shape)
    (losses,), (gradient,) = mx.vjp(lambda x: mx.fast.cross_entropy(x, targets), [logits], [cotangent])
    return losses, gradient, None


def find_lm_head(model: Any, dtype: mx.Dtype) -> tuple[LMHead | None, str]:
    """(the model in two parts, the reason) or (None, the reason it cannot be split).

    `dtype` is what the model computes in; the difference that is allowed follows from it. Scales and caps that the
    model applies to its logits belong to the second part.
    """
    inner = getattr(model, "language_model", model)
    body = getattr(inner, "model", getattr(inner, "backbone", None))
    layer = getattr(inner, "lm_head", None)
    output_layer = layer
    if layer is None:  # tied: the embedding is the output layer too
        layer = getattr(body, "embed_tokens", None)
        output_layer = getattr(layer, "as_linear", None)
    if body is None or layer is None or output_layer is None:
        return None, say("this architecture's last layer cannot be taken apart")
    tokens = mx.array([[1, 2, 3, 4, 5, 6, 7]])
    try:
        expected, hidden = model(tokens), body(tokens)
        mx.eval(expected, hidden)
        for transform in _logits_transforms(inner, body):
            logits = output_layer if transform is None else _compose(output_layer, transform)
            values = logits(hidden)
            if expected.shape == values.shape and _relative_error(values, expected) <= TOLERANCE.get(dtype, 1e-5):
                lm_head = LMHead(body, logits, layer, expected.shape[-1])
                return lm_head, say("measured on this model: both ways give the same logits")
    except (AttributeError, TypeError, ValueError, IndexError):
        return None, say("this architecture's last layer cannot be taken apart")
    return None, say("this architecture changes its logits behind the last layer")


def _logits_transforms(inner: Any, body: Any) -> Iterator[Callable[[mx.array], mx.array] | None]:
    """What mlx-lm's models are known to do to their logits after the output layer; None for nothing.

    None comes last: small logits hardly show a cap.
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


def _compose(
    first: Callable[[mx.array], mx.array], second: Callable[[mx.array], mx.array]
) -> Callable[[mx.array], mx.array]:
    return lambda x: second(first(x))


def _relative_error(a: mx.array, b: mx.array) -> float:
    a, b = a.astype(mx.float32), b.astype(mx.float32)
    return float(mx.linalg.norm(a - b) / mx.linalg.norm(b))
