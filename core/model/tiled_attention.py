"""Attention on a processor in tiles: a few queries at a time, over no more keys than these may attend to.

mlx-lm's models hand their cache to the function that computes attention, so a cache may bring an attention of its own;
this one gives the same numbers as MLX's. MLX's compares every token with every other, half of which come after it,
keeps these scores for the gradient more than once, and computes an exponential of each.

Shapes: R rows of W tokens; H query heads, K key heads (H a multiple of K); D numbers in a query or key, E in a value.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import transformers  # noqa: F401  # before mlx-lm asks for its names: see core.data.tokenize.tokenizer
from mlx_lm.models import base

from core.model.chunk_sizes import ATTENTION_TILE
from core.model.fast_exp import exp

MIN_GAP = 32  # keys that no query of a tile attends to are skipped where there are at least so many in a row

_mlx_lm_attention = base.scaled_dot_product_attention


@dataclass(frozen=True)
class Tile:
    """The queries from `first` up to `end`, and the ranges of keys that any of them may attend to."""

    first: int
    end: int
    key_ranges: tuple[tuple[int, int], ...]  # (first, end) each

    @property
    def queries(self) -> int:
        return self.end - self.first

    @property
    def keys(self) -> int:
        return sum(end - first for first, end in self.key_ranges)


def install_tiled_attention(model: nn.Module) -> None:
    """Let the layers of a model use the attention of their cache, where that has an `attend`; others are unchanged."""
    for module in {type(m).__module__ for m in model.modules()}:
        names = vars(sys.modules[module])
        if names.get("scaled_dot_product_attention") is _mlx_lm_attention:
            names["scaled_dot_product_attention"] = _cache_attention


def _cache_attention(
    queries: Any, keys: Any, values: Any, cache: Any, scale: float, mask: Any, sinks: Any = None
) -> Any:
    attend = getattr(cache, "attend", None)
    is_supported = mx.default_device() == mx.cpu and queries.dtype == mx.float32 and isinstance(mask, mx.array)
    if attend is None or sinks is not None or not is_supported:
        return _mlx_lm_attention(queries, keys, values, cache=cache, scale=scale, mask=mask, sinks=sinks)
    return attend(queries, keys, values, scale, mask)


def plan_tiles(segments: np.ndarray, sub_segments: np.ndarray) -> tuple[Tile, ...]:
    """The tiles of rows that are laid out as a core.data.batch.packing.Layout says, int [R, W] each.

    A token attends to those before it in its own segment that are of its own sub-segment, or of none (0).
    """
    width, count = segments.shape[1], int(sub_segments.max()) + 1
    common, own = segments * count, segments * count + sub_segments
    tiles = []
    for first in range(0, width, ATTENTION_TILE):
        end = min(first + ATTENTION_TILE, width)
        attended = np.zeros(end, bool)
        for row in range(len(segments)):
            groups = np.concatenate([common[row, first:end], own[row, first:end]])
            attended |= np.isin(own[row, :end], groups)
        tiles.append(Tile(first, end, _ranges(attended)))
    return tuple(tiles)


def _ranges(attended: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Where `attended` [W] is True, as (first, end); gaps shorter than MIN_GAP count as True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], attended, [False]]).astype(np.int8)))
    ranges: list[tuple[int, int]] = []
    for first, end in edges.reshape(-1, 2).tolist():
        if ranges and first - ranges[-1][1] < MIN_GAP:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((first, end))
    return tuple(ranges)


def attend(
    queries: mx.array, keys: mx.array, values: mx.array, scale: float, mask: mx.array, tiles: Sequence[Tile]
) -> mx.array:
    """softmax(scale · Q Kᵀ where `mask`) V, [R, H, W, E] float32, for causal masks.

    queries [R, H, W, D], keys [R, K, W, D], values [R, K, W, E]; mask [R or 1, 1, W, W], True where a query may attend
    to a key; every query attends to some key, and to none outside the key ranges of its tile.

    The gradient of a score (before softmax, with probabilities P = e / total) is P · (dO Vᵀ - rowsum(dO · O)), as in
    Dao et al., FlashAttention, arXiv:2205.14135, appendix B.
    """
    rows, heads, width, _ = queries.shape
    key_heads, size = keys.shape[1], values.shape[-1]
    shared = heads // key_heads  # query heads to a key head

    def take_queries(x: mx.array, tile: Tile) -> mx.array:
        """The queries of a tile, those that share a key head together: [R, H, W, D] to [R, K, shared × queries, D]."""
        return x[:, :, tile.first : tile.end].reshape(rows, key_heads, shared * tile.queries, x.shape[-1])

    def take_mask(tile: Tile) -> mx.array:
        return _take_keys(mask[..., tile.first : tile.end, :], tile, -1)[:, :, None]  # [R or 1, 1, 1, queries, keys]

    @mx.custom_function
    def tiled(q: mx.array, k: mx.array, v: mx.array) -> list[mx.array]:
        outputs, saved = [], []
        for tile in tiles:
            scores = (scale * take_queries(q, tile)) @ _take_keys(k, tile, -2).swapaxes(-1, -2)
            scores = scores.reshape(rows, key_heads, shared, tile.queries, tile.keys)
            scores = mx.where(take_mask(tile), scores, -mx.inf)
            e = exp(scores - scores.max(-1, keepdims=True)).reshape(rows, key_heads, shared * tile.queries, tile.keys)
            total = e.sum(-1, keepdims=True)
            outputs.append(((e @ _take_keys(v, tile, -2)) / total).reshape(rows, heads, tile.queries, size))
            saved += [e, total]
        return [mx.concatenate(outputs, axis=2), *saved]

    @tiled.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, mx.array, mx.array]:
        q, k, v = primals
        output_gradient, output, saved = cotangents[0], outputs[0], outputs[1:]
        q_gradients, k_gradient, v_gradient = [], mx.zeros_like(k), mx.zeros_like(v)
        for n, tile in enumerate(tiles):
            e, total = saved[2 * n], saved[2 * n + 1]  # the probabilities are e / total
            scaled = take_queries(output_gradient, tile) / total
            row_sum = (scaled * take_queries(output, tile)).sum(-1, keepdims=True)
            scores_gradient = e * (scaled @ _take_keys(v, tile, -2).swapaxes(-1, -2) - row_sum)
            q_gradient = scale * (scores_gradient @ _take_keys(k, tile, -2))
            q_gradients.append(q_gradient.reshape(rows, heads, tile.queries, q.shape[-1]))
            k_tile_gradient = scores_gradient.swapaxes(-1, -2) @ (scale * take_queries(q, tile))
            k_gradient = k_gradient + _scatter_keys(k_tile_gradient, tile, width)
            v_gradient = v_gradient + _scatter_keys(e.swapaxes(-1, -2) @ scaled, tile, width)
        return mx.concatenate(q_gradients, axis=2), k_gradient, v_gradient

    return tiled(queries, keys, values)[0]


def _take_keys(x: mx.array, tile: Tile, axis: int) -> mx.array:
    """The keys of a tile out of all W along an axis, -2 or -1."""
    pieces = [x[..., first:end] if axis == -1 else x[..., first:end, :] for first, end in tile.key_ranges]
    return pieces[0] if len(pieces) == 1 else mx.concatenate(pieces, axis=axis)


def _scatter_keys(x: mx.array, tile: Tile, width: int) -> mx.array:
    """The reverse of _take_keys along axis -2: [R, K, keys, D] to [R, K, W, D], zero elsewhere."""
    pieces, offset, previous_end = [], 0, 0
    for first, end in tile.key_ranges:
        gap = mx.zeros((*x.shape[:2], first - previous_end, x.shape[-1]))
        pieces += [gap, x[:, :, offset : offset + end - first]]
        offset, previous_end = offset + end - first, end
    return mx.concatenate([*pieces, mx.zeros((*x.shape[:2], width - previous_end, x.shape[-1]))], axis=2)
