"""The one forward pass and the one shift: log-probabilities of the tokens that are learned."""

import dataclasses
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch
from core.model import packed_mask
from core.model.lm_head import LMHead


def token_logps(model: Any, batch: Batch, head: LMHead | None = None) -> mx.array:
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
    learned = target_tokens(batch)
    if head is None:
        logits = _at_targets(model, model, batch).astype(mx.float32)  # [M, V]
        values = mx.take_along_axis(logits, learned[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)
    else:
        values = head.target_logps(_at_targets(model, head.body, batch), learned)
    return scatter_targets(values, batch)


def target_tokens(batch: Batch) -> mx.array:
    """The targets [M], in the order of the flattened mask."""
    targets = batch.tokens[:, 1:].reshape(-1)
    return targets[mx.minimum(batch.places, targets.size - 1)]  # what fills up to_mlx's places lies behind the last


def scatter_targets(values: mx.array, batch: Batch) -> mx.array:
    """Values of the targets [M] in the places of their tokens: [N, T-1], zero elsewhere."""
    size = batch.mask.size
    return mx.zeros(size + 1).at[batch.places].add(values)[:size].reshape(batch.mask.shape)


def target_hidden_states(model: Any, batch: Batch, head: LMHead) -> mx.array:
    """The hidden state that predicts each target, [M, D], in the order of the flattened mask."""
    return _at_targets(model, head.body, batch)


def _at_targets(model: Any, part: Any, batch: Batch) -> mx.array:
    """What a model, or its part without the last layer, makes at the tokens that predict the targets: [M, ...]."""
    if batch.layout is None:
        made = part(batch.tokens[:, :-1])
        sources = mx.minimum(batch.places, batch.mask.size - 1)
    else:
        cache = [packed_mask.PackedMaskCache(batch.layout)] * len(model.layers)
        made, sources = part(batch.layout.tokens, cache=cache), batch.layout.sources
    return made.reshape(-1, made.shape[-1])[sources]


def to_mlx(batch: Batch, multiple: int = 1) -> Batch:
    """The same batch with MLX arrays, and the places of its targets in the flattened mask.

    Their number is rounded up to a `multiple`, so that few shapes are different, with places behind the mask's last
    whose values in_place() drops.
    """
    places = np.flatnonzero(batch.mask).astype(np.int32)
    more = -len(places) % multiple
    layout = batch.layout
    if layout is not None:
        layout = packed_mask.to_mlx(dataclasses.replace(layout, sources=np.pad(layout.sources, (0, more))))
    return dataclasses.replace(
        batch,
        tokens=mx.array(batch.tokens),
        mask=mx.array(batch.mask),
        layout=layout,
        places=mx.array(np.pad(places, (0, more), constant_values=batch.mask.size)),
        extra={k: mx.array(v) for k, v in batch.extra.items()},
    )
