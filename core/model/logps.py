"""The one forward pass and the one shift: log-probabilities of the tokens that are learned."""

import dataclasses
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batches import Batch
from core.model.head import Head
from core.model.packing import Blocks


def token_logps(model: Any, batch: Batch, head: Head | None = None) -> mx.array:
    """Log-probability of each target token given those before it, [N, T-1] float32, zero where nothing is learned.

    `batch` holds MLX arrays (to_mlx): tokens [N, T], mask [N, T-1], segments [N, T] or None, and the targets'
    places. Attention is causal, so padding on the right changes no real position. With `head`, logits are made
    at the targets alone; without, everywhere, which any model can.
    """
    inputs, targets = batch.tokens[:, :-1], batch.tokens[:, 1:]
    cache = None if batch.segments is None else [Blocks(batch.segments[:, :-1])] * len(model.layers)
    if head is None:
        logits = model(inputs, cache=cache).astype(mx.float32)  # [N, T-1, V]
        chosen = mx.take_along_axis(logits, targets[..., None], axis=-1).squeeze(-1)
        # where, not a product: a position that is no target may hold an infinity, and 0 x inf is NaN
        return mx.where(batch.mask > 0, chosen - mx.logsumexp(logits, axis=-1), 0.0)
    hidden = head.body(inputs, cache=cache)  # [N, T-1, D]
    values = head.target_logps(hidden.reshape(-1, hidden.shape[-1])[batch.places], targets.reshape(-1)[batch.places])
    return mx.zeros(targets.size).at[batch.places].add(values).reshape(targets.shape)


def to_mlx(batch: Batch) -> Batch:
    """The same batch with MLX arrays, and the places of its targets in the flattened mask."""
    return dataclasses.replace(
        batch,
        tokens=mx.array(batch.tokens),
        mask=mx.array(batch.mask),
        segments=None if batch.segments is None else mx.array(batch.segments),
        places=mx.array(np.flatnonzero(batch.mask).astype(np.int32)),
        extra={k: mx.array(v) for k, v in batch.extra.items()},
    )
