"""The next token of every answer: drawn from the model's distribution, with the log-probability it had."""

from dataclasses import dataclass

import mlx.core as mx


@dataclass(frozen=True)
class SamplingParams:
    """How answers are drawn. At temperature 0 the likeliest token is taken."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 256

    @property
    def narrowed(self) -> bool:
        return self.top_p < 1.0 or self.top_k > 0 or self.min_p > 0.0


def sample_tokens(logits: mx.array, uniform: mx.array, s: SamplingParams) -> tuple[mx.array, mx.array, mx.array]:
    """(tokens, log-probabilities, entropies), [N] each, from logits [N, V] and one uniform number in [0, 1) per row.

    A token is where its row's number falls among the cumulated probabilities, so that an answer follows from its
    own numbers alone and not from what else is written at the same time. Log-probability and entropy are those of
    the whole distribution at the temperature (TRL's), not of what top-k, top-p and min-p left of it; these act in
    that order, each on what the one before left (transformers').
    """
    logits = logits.astype(mx.float32)
    if s.temperature > 0:
        logits = logits / s.temperature
    logps = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    p = mx.exp(logps)
    entropies = -mx.where(p > 0, p * logps, 0.0).sum(axis=-1)
    if s.temperature == 0:
        tokens = logits.argmax(axis=-1)
    elif s.narrowed:
        tokens = _narrowed(p, uniform, s)
    else:
        tokens = _draw(p, uniform)
    return tokens, mx.take_along_axis(logps, tokens[:, None], axis=-1).squeeze(-1), entropies


def _draw(p: mx.array, uniform: mx.array) -> mx.array:
    upto = mx.cumsum(p, axis=-1)
    place = (upto <= uniform[:, None] * upto[:, -1:]).sum(axis=-1)
    return mx.minimum(place, p.shape[-1] - 1)


def _narrowed(p: mx.array, uniform: mx.array, s: SamplingParams) -> mx.array:
    """Drawn among the likeliest: top-k, top-p and min-p each keep a beginning of the tokens in falling order."""
    order = mx.argsort(-p, axis=-1)
    p = mx.take_along_axis(p, order, axis=-1)
    rank = mx.arange(p.shape[-1])
    kept = mx.where(rank < s.top_k, p, 0.0) if s.top_k > 0 else p
    upto = mx.cumsum(kept, axis=-1)
    allowed = (upto - kept < s.top_p * upto[:, -1:]) & (kept > 0) & (kept >= s.min_p * kept[:, :1])
    last = mx.maximum(allowed.sum(axis=-1, keepdims=True), 1) - 1
    total = mx.take_along_axis(upto, last, axis=-1)
    place = (upto <= uniform[:, None] * total).sum(axis=-1, keepdims=True)
    return mx.take_along_axis(order, mx.minimum(place, last), axis=-1).squeeze(-1)
