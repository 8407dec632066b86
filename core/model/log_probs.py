"""The one forward pass and the one shift by a token: log-probabilities of the target tokens of a batch.

Shapes: N texts of T tokens, M targets among their N × (T-1) predicted tokens, D hidden numbers, V tokens of vocabulary.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch
from core.model import packed_mask
from core.model.lm_head import LMHead


class StepLogps(Protocol):
    """Log-probabilities of batches of NumPy arrays, [N, T-1] each, as the steps of a run compute them: to the last bit,
    with the weights that the model had at some moment."""

    def of_step(self, batches: Sequence[Batch]) -> Iterable[np.ndarray]:
        """Those of the batches of an optimizer step."""
        ...

    def of_each(self, batches: Iterable[Batch]) -> Iterable[tuple[Batch, np.ndarray]]:
        """Each of many batches with its own, as a validation computes them."""
        ...


FixedLogps = Callable[[], StepLogps]  # with the model's weights as they are when it is called


def token_logps(model: Any, batch: Batch, lm_head: LMHead | None = None) -> mx.array:
    """Log-probability of each target token given those before it, [N, T-1] float32 in nats, zero where no target is.

    `batch` holds MLX arrays (to_mlx): tokens [N, T], mask [N, T-1] and the places of its targets. How the texts are
    laid out in rows (batch.layout) changes nothing of the result. Attention is causal, so padding on the right changes
    no real position. With `lm_head`, logits are made at the targets alone; without, everywhere, which works with any
    model.
    """
    next_tokens = batch.tokens[:, 1:]
    if lm_head is None and batch.layout is None:
        logits = model(batch.tokens[:, :-1]).astype(mx.float32)  # [N, T-1, V]
        chosen = mx.take_along_axis(logits, next_tokens[..., None], axis=-1).squeeze(-1)
        # where, not a product: a position that is no target may hold an infinity, and 0 x inf is NaN
        return mx.where(batch.mask > 0, chosen - mx.logsumexp(logits, axis=-1), 0.0)
    targets = target_tokens(batch)
    if lm_head is None:
        logits = _at_targets(model, model, batch).astype(mx.float32)  # [M, V]
        values = mx.take_along_axis(logits, targets[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)
    else:
        values = lm_head.target_logps(_at_targets(model, lm_head.body, batch), targets)
    return scatter_targets(values, batch)


def target_tokens(batch: Batch) -> mx.array:
    """The token ids of the targets [M], in the order of the flattened mask."""
    next_tokens = batch.tokens[:, 1:].reshape(-1)
    return next_tokens[mx.minimum(batch.places, next_tokens.size - 1)]  # to_mlx's padding lies behind the last place


def scatter_targets(values: mx.array, batch: Batch) -> mx.array:
    """Values of the targets [M] at the positions of their tokens: [N, T-1], zero elsewhere."""
    size = batch.mask.size
    return mx.zeros(size + 1).at[batch.places].add(values)[:size].reshape(batch.mask.shape)


def target_hidden_states(model: Any, batch: Batch, lm_head: LMHead) -> mx.array:
    """The hidden state that predicts each target, [M, D], in the order of the flattened mask."""
    return _at_targets(model, lm_head.body, batch)


def _at_targets(model: Any, part: Any, batch: Batch) -> mx.array:
    """The output of a model, or of its part without the output layer, at the tokens that predict targets: [M, ...]."""
    if batch.layout is None:
        outputs = part(batch.tokens[:, :-1])
        sources = mx.minimum(batch.places, batch.mask.size - 1)
    else:
        cache = [packed_mask.PackedMaskCache(batch.layout)] * len(model.layers)
        outputs, sources = part(batch.layout.tokens, cache=cache), batch.layout.sources
    return outputs.reshape(-1, outputs.shape[-1])[sources]


def to_mlx(batch: Batch, multiple: int = 1) -> Batch:
    """The same batch with MLX arrays, and the places of its targets in the flattened mask, int32 [M].

    M is rounded up to a `multiple`, so that fewer different shapes occur, and is never 0; the places that are added lie
    behind the end of the mask, and scatter_targets() drops their values.
    """
    places = np.flatnonzero(batch.mask).astype(np.int32)
    padding = -len(places) % multiple if len(places) else multiple
    layout = batch.layout
    if layout is not None:
        layout = packed_mask.to_mlx(dataclasses.replace(layout, sources=np.pad(layout.sources, (0, padding))))
    return dataclasses.replace(
        batch,
        tokens=mx.array(batch.tokens),
        mask=mx.array(batch.mask),
        layout=layout,
        places=mx.array(np.pad(places, (0, padding), constant_values=batch.mask.size)),
        extra={k: mx.array(v) for k, v in batch.extra.items()},
    )
