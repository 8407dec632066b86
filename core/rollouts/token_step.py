"""One token of all completions as one compiled function, where handing over a step's many pieces is what takes time.

On a GPU under CUDA: building a step's graph in Python and handing it over takes longer than computing it. The compiled
function is played back for every token, as long as no completion leaves and the caches have room.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from core.adapters.fused_blocks import takes_stacks
from core.model.kernels.check import SAMPLING_PARTS, TOKEN_PARTS, unavailable_reason
from core.model.kernels.token_attention import Past, takes_keys
from core.model.kernels.token_sample import kernel_sample_token, takes_logits
from core.model.token_cache import RecentKVCache, TokenCache
from core.rollouts.sampling import SampledTokens, SamplingParams, sample_tokens

TokenStep = Callable[[mx.array, list[Any], mx.array], SampledTokens]


def make_token_step(model: Any, params: SamplingParams, batched: bool = True) -> TokenStep:
    """A function of (the last tokens [N], the caches of all layers, a uniform number for each row [N]) that takes these
    tokens into the caches and samples the next ones; not evaluated. The model's weights must not change meanwhile.
    `batched`: the caches are for several rows."""
    plain = plain_step(model, params)
    on_cuda = mx.default_device() == mx.gpu and mx.cuda.is_available()
    if not (batched and on_cuda and takes_stacks(model)) or unavailable_reason() or unavailable_reason(TOKEN_PARTS):
        return plain
    compiled = compiled_step(model, params)

    def step(tokens: mx.array, caches: list[Any], uniform: mx.array) -> SampledTokens:
        keys = caches[0].keys  # None where a prompt is one token
        return (compiled if keys is not None and takes_keys(keys) else plain)(tokens, caches, uniform)

    return step


def plain_step(model: Any, params: SamplingParams) -> TokenStep:
    """The same for any model and cache, built anew for each token."""

    def step(tokens: mx.array, caches: list[Any], uniform: mx.array) -> SampledTokens:
        return sample_tokens(model(tokens[:, None], cache=caches)[:, -1], uniform, params)

    return step


def compiled_step(model: Any, params: SamplingParams) -> TokenStep:
    """The same for a model with fused blocks (core.adapters.fused_blocks), and mlx-lm's BatchKVCaches with tokens, in
    whose place it puts RecentKVCaches."""

    @mx.compile
    def compute(tokens: mx.array, uniform: mx.array, layers: Any, start: mx.array, place: mx.array) -> Any:
        caches = [TokenCache(Past(k, v, new_k, new_v, start, place)) for k, v, new_k, new_v in layers]
        sampled = _sample(model(tokens[:, None], cache=caches)[:, -1], uniform, params)
        return tuple(sampled), [(cache.past.recent_keys, cache.past.recent_values) for cache in caches]

    def step(tokens: mx.array, caches: list[Any], uniform: mx.array) -> SampledTokens:
        caches[:] = [cache if isinstance(cache, RecentKVCache) else RecentKVCache(cache) for cache in caches]
        for cache in caches:
            cache.make_room()
        layers = [(c.keys, c.values, c.recent_keys, c.recent_values) for c in caches]
        place = mx.array([caches[0]._idx, caches[0].recent])
        sampled, recent = compute(tokens, uniform, layers, caches[0].left_padding, place)
        for cache, (cache.recent_keys, cache.recent_values) in zip(caches, recent, strict=True):
            cache.recent += 1
        return SampledTokens(*sampled)

    return step


def _sample(logits: mx.array, uniform: mx.array, params: SamplingParams) -> SampledTokens:
    """sample_tokens(), by a kernel where there is one for this."""
    if params.temperature == 0 or params.is_filtered or not takes_logits(logits) or unavailable_reason(SAMPLING_PARTS):
        return sample_tokens(logits, uniform, params)
    return SampledTokens(*kernel_sample_token(logits, uniform, params.temperature))
