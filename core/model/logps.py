"""The one forward pass and the one shift: log-probabilities of the tokens that are learned."""

import dataclasses
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batches import Batch
from core.model import packing
from core.model.head import Head


def token_logps(model: Any, batch: Batch, head: Head | None = None) -> mx.array:
    """Log-probability of each target token given those before it, [N, T-1] float32, zero where nothing is learned.

    `batch` holds MLX arrays (to_mlx): tokens [N, T], mask [N, T-1] and the targets' places; how the texts lie in
    what the model is given (batch.layout) changes nothing of the result. Attention is causal, so padding on the
    right changes no real position. With `head`, logits are made at the targets alone; without, everywhere, which
    any model can.
    """
    targets = batch.tokens[:, 1:]
    if head is None and batch.layout is None:
        logits = model(batch.tokens[:, :-1]).astype(mx.float32)  # [N, T-1, V]
        chosen = mx.take_along_axis(logits, targets[..., None], axis=-1).squeeze(-1)
        # where, not a product: a position that is no target may hold an infinity, and 0 x inf is NaN
        return mx.where(batch.mask > 0, chosen - mx.logsumexp(logits, axis=-1), 0.0)
    learned = targets.reshape(-1)[batch.places]  # [M]
    if head is None:
        logits = _at_targets(model, model, batch).astype(mx.float32)  # [M, V]
        values = mx.take_along_axis(logits, learned[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)
    else:
        values = head.target_logps(_at_targets(model, head.body, batch), learned)
    return mx.zeros(targets.size).at[batch.places].add(values).reshape(targets.shape)


def target_hidden(model: Any, batch: Batch, head: Head) -> mx.array:
    """The hidden state that predicts each target, [M, D], in the order of the flattened mask."""
    return _at_targets(model, head.body, batch)


def _at_targets(model: Any, part: Any, batch: Batch) -> mx.array:
    """What a model, or its part without the last layer, makes at the tokens that predict the targets: [M, ...]."""
    if batch.layout is None:
        made, sources = part(batch.tokens[:, :-1]), batch.places
    else:
        cache = [packing.Blocks(batch.layout)] * len(model.layers)
        made, sources = part(batch.layout.tokens, cache=cache), batch.layout.sources
    return made.reshape(-1, made.shape[-1])[sources]


def to_mlx(batch: Batch) -> Batch:
    """The same batch with MLX arrays, and the places of its targets in the flattened mask."""
    return dataclasses.replace(
        batch,
        tokens=mx.array(batch.tokens),
        mask=mx.array(batch.mask),
        layout=None if batch.layout is None else packing.to_mlx(batch.layout),
        places=mx.array(np.flatnonzero(batch.mask).astype(np.int32)),
        extra={k: mx.array(v) for k, v in batch.extra.items()},
    )
