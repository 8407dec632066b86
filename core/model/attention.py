"""Attention on a processor, a few queries at a time and over no more keys than they may see.

mlx-lm's models hand their cache to the function that computes attention, as they hand it everything else about where a
token stands. So a cache may bring an attention of its own; this one computes what MLX's own does. MLX's compares every
token with every other, half of which lie behind it, keeps all of that for the gradient more than once, and asks for an
exponential of each.
"""

import sys
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models import base

from core.model.exponential import exp

TILE = 128  # queries at a time

_usual = base.scaled_dot_product_attention
Tile = tuple[int, int, int]  # the first query, the one behind the last, the first key that one of them sees


def hook(model: nn.Module) -> None:
    """Let the layers of a model ask their cache for attention, where it has an `attend`. Nothing changes elsewhere."""
    for module in {type(m).__module__ for m in model.modules()}:
        names = vars(sys.modules[module])
        if names.get("scaled_dot_product_attention") is _usual:
            names["scaled_dot_product_attention"] = _asking


def _asking(queries: Any, keys: Any, values: Any, cache: Any, scale: float, mask: Any, sinks: Any = None) -> Any:
    attend = getattr(cache, "attend", None)
    suited = mx.default_device() == mx.cpu and queries.dtype == mx.float32 and isinstance(mask, mx.array)
    if attend is None or sinks is not None or not suited:
        return _usual(queries, keys, values, cache=cache, scale=scale, mask=mask, sinks=sinks)
    return attend(queries, keys, values, scale, mask)


def tiles(units: np.ndarray) -> tuple[Tile, ...]:
    """The tiles of rows whose tokens belong to these units [R, W], which follow one another; a token sees its own."""
    width = units.shape[1]
    begins = np.ones(units.shape, bool)
    begins[:, 1:] = units[:, 1:] != units[:, :-1]
    firsts = np.maximum.accumulate(np.where(begins, np.arange(width), 0), axis=1)  # of the unit of each token
    return tuple((i, min(i + TILE, width), int(firsts[:, i].min())) for i in range(0, width, TILE))


def attend(
    queries: mx.array, keys: mx.array, values: mx.array, scale: float, mask: mx.array, parts: Sequence[Tile]
) -> mx.array:
    """softmax(scale · Q Kᵀ where `mask`) V, [R, H, W, E], for causal masks.

    queries [R, H, W, D], keys [R, K, W, D], values [R, K, W, E], H a multiple of K; mask [R or 1, 1, W, W], True where
    a query may look; every query may look somewhere, and outside the keys of its tile nowhere.
    """
    rows, heads, width, _ = queries.shape
    near, size = keys.shape[1], values.shape[-1]
    shared = heads // near  # query heads to a key head

    def tile(x: mx.array, part: Tile) -> mx.array:
        """Some queries' numbers, those that share a key head together: [R, H, W, D] to [R, K, shared × tile, D]."""
        i, j, _ = part
        return x[:, :, i:j].reshape(rows, near, shared * (j - i), x.shape[-1])

    def seen(part: Tile) -> mx.array:
        i, j, first = part
        return mask[..., i:j, first:j][:, :, None]  # [R, 1, 1, tile, keys]

    def spread(x: mx.array, part: Tile) -> mx.array:
        """The numbers of a tile's keys in the place of all keys."""
        _, j, first = part
        return mx.pad(x, ((0, 0), (0, 0), (first, width - j), (0, 0)))

    @mx.custom_function
    def tiled(q: mx.array, k: mx.array, v: mx.array) -> list[mx.array]:
        made, kept = [], []
        for part in parts:
            i, j, first = part
            scores = (scale * tile(q, part)) @ k[:, :, first:j].swapaxes(-1, -2)
            scores = mx.where(seen(part), scores.reshape(rows, near, shared, j - i, j - first), -mx.inf)
            e = exp(scores - scores.max(-1, keepdims=True)).reshape(rows, near, shared * (j - i), j - first)
            total = e.sum(-1, keepdims=True)
            made.append(((e @ v[:, :, first:j]) / total).reshape(rows, heads, j - i, size))
            kept += [e, total]
        return [mx.concatenate(made, axis=2), *kept]

    @tiled.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, mx.array, mx.array]:
        q, k, v = primals
        slope, made, kept = cotangents[0], outputs[0], outputs[1:]
        to_q, to_k, to_v = [], mx.zeros_like(k), mx.zeros_like(v)
        for n, part in enumerate(parts):
            i, j, first = part
            e, total = kept[2 * n], kept[2 * n + 1]  # the probabilities are e / total
            mine = tile(slope, part) / total
            common = (mine * tile(made, part)).sum(-1, keepdims=True)
            to_scores = e * (mine @ v[:, :, first:j].swapaxes(-1, -2) - common)
            to_q.append((scale * (to_scores @ k[:, :, first:j])).reshape(rows, heads, j - i, q.shape[-1]))
            to_k = to_k + spread(to_scores.swapaxes(-1, -2) @ (scale * tile(q, part)), part)
            to_v = to_v + spread(e.swapaxes(-1, -2) @ mine, part)
        return mx.concatenate(to_q, axis=2), to_k, to_v

    return tiled(queries, keys, values)[0]
