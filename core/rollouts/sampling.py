"""How the next token of a completion is sampled, and the log-probability it had."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from core.model.fast_exp import exp


@dataclass(frozen=True)
class SamplingParams:
    """How completions are sampled. At temperature 0 the likeliest token is taken."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0  # 0: among all tokens
    min_p: float = 0.0
    max_tokens: int = 256  # of a completion

    @property
    def is_filtered(self) -> bool:
        """Whether tokens are left out before sampling."""
        return self.top_p < 1.0 or self.top_k > 0 or self.min_p > 0.0


class SampledTokens(NamedTuple):
    """One token for each of N completions; every array, of MLX or of NumPy, is [N]."""

    tokens: Any
    logps: Any  # log-probabilities of these tokens
    entropies: Any  # of the distributions they were sampled from, in nats


def sample_tokens(logits: mx.array, uniform: mx.array, params: SamplingParams) -> SampledTokens:
    """Sample from logits [N, V] with one uniform number in [0, 1) for each row, uniform [N].

    A token is where the number of its row falls in the cumulative probabilities, so that a completion depends on its
    own numbers alone and not on the other completions of the batch. Log-probability and entropy are those of the whole
    distribution at the temperature (as in TRL), not of what top-k, top-p and min-p left of it. These act in that order,
    each on what the one before left (as in transformers).
    """
    logits = logits.astype(mx.float32)
    if params.temperature > 0:
        logits = logits / params.temperature
    # One exponential for everything: on a processor those of all logits are what sampling costs.
    shifted = logits - logits.max(axis=-1, keepdims=True)
    weights = exp(shifted)
    cumulative = mx.cumsum(weights, axis=-1)
    total = cumulative[:, -1:]
    log_total = mx.log(total)
    weighted = mx.where(weights > 0, weights * shifted, 0.0).sum(axis=-1, keepdims=True)
    entropies = (log_total - weighted / total).squeeze(-1)
    if params.temperature == 0:
        tokens = logits.argmax(axis=-1)
    elif params.is_filtered:
        tokens = _sample_filtered(mx.exp(shifted - log_total), uniform, params)
    else:
        tokens = _sample(cumulative, uniform)
    logps = mx.take_along_axis(shifted, tokens[:, None], axis=-1) - log_total
    return SampledTokens(tokens, logps.squeeze(-1), entropies)


def sample_in_numpy(logits: np.ndarray, uniform: np.ndarray, params: SamplingParams) -> SampledTokens:
    """The same with NumPy, in fewer and quicker pieces."""
    if params.is_filtered and params.temperature > 0:
        sampled = sample_tokens(mx.array(logits), mx.array(uniform), params)
        return SampledTokens(*(np.array(array) for array in sampled))
    with np.errstate(all="ignore"):  # as MLX, which gives no warning of what is no number
        return _sample_in_numpy(logits, uniform, params)


def _sample_in_numpy(logits: np.ndarray, uniform: np.ndarray, params: SamplingParams) -> SampledTokens:
    if params.temperature not in (0, 1):
        logits = logits / np.float32(params.temperature)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    weights = np.exp(shifted)
    cumulative = weights.cumsum(axis=-1)
    total = cumulative[:, -1:]
    log_total = np.log(total)
    finite = np.maximum(shifted, np.finfo(np.float32).min)  # 0 times an infinity is no number
    entropies = log_total[:, 0] - np.einsum("nv,nv->n", weights, finite) / total[:, 0]
    if params.temperature == 0:
        tokens = logits.argmax(axis=-1)
    else:
        passed = (cumulative <= uniform[:, None] * total).sum(axis=-1)
        tokens = np.minimum(passed, logits.shape[-1] - 1)
    logps = np.take_along_axis(shifted, tokens[:, None], axis=-1) - log_total
    return SampledTokens(tokens, logps[:, 0], entropies)


def _sample(cumulative: mx.array, uniform: mx.array) -> mx.array:
    index = (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(axis=-1)
    return mx.minimum(index, cumulative.shape[-1] - 1)


def _sample_filtered(probs: mx.array, uniform: mx.array, params: SamplingParams) -> mx.array:
    """Sample among the likeliest tokens: in falling order, top-k, top-p and min-p each leave the first of them."""
    order = mx.argsort(-probs, axis=-1)
    probs = mx.take_along_axis(probs, order, axis=-1)
    rank = mx.arange(probs.shape[-1])
    top = mx.where(rank < params.top_k, probs, 0.0) if params.top_k > 0 else probs
    cumulative = mx.cumsum(top, axis=-1)
    within_top_p = cumulative - top < params.top_p * cumulative[:, -1:]
    candidates = within_top_p & (top > 0) & (top >= params.min_p * top[:, :1])
    last = mx.maximum(candidates.sum(axis=-1, keepdims=True), 1) - 1
    total = mx.take_along_axis(cumulative, last, axis=-1)
    index = (cumulative <= uniform[:, None] * total).sum(axis=-1, keepdims=True)
    return mx.take_along_axis(order, mx.minimum(index, last), axis=-1).squeeze(-1)
