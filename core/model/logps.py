"""The one forward pass and the one shift: log-probabilities of the tokens that are learned."""

from typing import Any

import mlx.core as mx

from core.model.packing import Blocks


def token_logps(model: Any, tokens: mx.array, mask: mx.array, segments: mx.array | None = None) -> mx.array:
    """Log-probability of each target token given those before it, [N, T-1] float32, zero where mask is zero.

    tokens [N, T] int, padded on the right: attention is causal, so padding changes no real position.
    mask [N, T-1] float, 1 where tokens[:, 1:] is a target.
    segments [N, T] int where several rows share one: no token sees one of another segment.
    """
    cache = None if segments is None else [Blocks(segments[:, :-1])] * len(model.layers)
    logits = model(tokens[:, :-1], cache=cache).astype(mx.float32)  # [N, T-1, V]
    chosen = mx.take_along_axis(logits, tokens[:, 1:, None], axis=-1).squeeze(-1)
    # where, not a product: a position that is no target may hold an infinity, and 0 x inf is NaN
    return mx.where(mask > 0, chosen - mx.logsumexp(logits, axis=-1), 0.0)
