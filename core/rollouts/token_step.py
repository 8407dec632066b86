"""One token of all completions as one compiled function, where handing over a step's many pieces is what takes time.

On a GPU under CUDA: building a step's graph in Python and handing it over takes longer than computing it. The compiled
function is played back for every token, as long as no completion leaves and the caches have room.
"""

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import BatchKVCache

from core.adapters.fused_blocks import takes_stacks
from core.model.kernels.check import PARTS, TOKEN_PARTS, unavailable_reason
from core.model.token_cache import TokenCache
from core.rollouts.sampling import SampledTokens, SamplingParams, sample_tokens

TokenStep = Callable[[mx.array, Sequence[Any], mx.array], SampledTokens]


def make_token_step(model: Any, params: SamplingParams, batched: bool = True) -> TokenStep:
    """A function of (the last tokens [N], the caches of all layers, a uniform number for each row [N]) that takes these
    tokens into the caches and samples the next ones; not evaluated. The model's weights must not change meanwhile.
    `batched`: the caches are for several rows."""
    plain = plain_step(model, params)
    on_cuda = mx.default_device() == mx.gpu and mx.cuda.is_available()
    if not (batched and on_cuda and takes_stacks(model)) or unavailable_reason((*PARTS, *TOKEN_PARTS)):
        return plain
    compiled = compiled_step(model, params)

    def step(tokens: mx.array, caches: Sequence[Any], uniform: mx.array) -> SampledTokens:
        return (plain if caches[0].keys is None else compiled)(tokens, caches, uniform)  # where a prompt is one token

    return step


def plain_step(model: Any, params: SamplingParams) -> TokenStep:
    """The same for any model and cache, built anew for each token."""

    def step(tokens: mx.array, caches: Sequence[Any], uniform: mx.array) -> SampledTokens:
        return sample_tokens(model(tokens[:, None], cache=caches)[:, -1], uniform, params)

    return step


def compiled_step(model: Any, params: SamplingParams) -> TokenStep:
    """The same for a model with fused blocks (core.adapters.fused_blocks), and mlx-lm's BatchKVCaches with tokens."""

    @mx.compile
    def compute(tokens: mx.array, uniform: mx.array, layers: Any, index: mx.array, padding: mx.array) -> Any:
        caches = [TokenCache(keys, values, index, padding) for keys, values in layers]
        sampled = sample_tokens(model(tokens[:, None], cache=caches)[:, -1], uniform, params)
        return tuple(sampled), [(cache.keys, cache.values) for cache in caches]

    def step(tokens: mx.array, caches: Sequence[Any], uniform: mx.array) -> SampledTokens:
        for cache in caches:
            _make_room(cache)
        # What is held here is given up: else the arrays could not be changed in place.
        layers, place = [(cache.keys, cache.values) for cache in caches], mx.array([caches[0]._idx])
        for cache in caches:
            cache.keys = cache.values = None
        sampled, layers = compute(tokens, uniform, layers, place, caches[0].left_padding)
        for cache, (cache.keys, cache.values) in zip(caches, layers, strict=True):
            cache._idx += 1
            cache.offset = cache.offset + 1
        return SampledTokens(*sampled)

    return step


def _make_room(cache: BatchKVCache) -> None:
    """Let there be room for one more token, by mlx-lm's steps."""
    if cache._idx < cache.keys.shape[2]:
        return
    rows, heads, _, size = cache.keys.shape
    room = mx.zeros((rows, heads, cache.step, size), cache.keys.dtype)
    cache.keys = mx.concatenate([cache.keys, room], axis=2)
    cache.values = mx.concatenate([cache.values, room], axis=2)
