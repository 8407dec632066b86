"""Attention on a processor, a few queries at a time and over no more keys than they may see.

mlx-lm's models hand their cache to the function that computes attention, as they hand it everything else about where a
token stands. So a cache may bring an attention of its own; this one computes what MLX's own does. MLX's compares every
token with every other, half of which lie behind it, keeps all of that for the gradient more than once, and asks for an
exponential of each.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models import base

from core.model.fast_exp import exp

TILE = 128  # queries at a time
MIN_GAP = 32  # keys that no query of a tile sees are left out where there are so many together

_usual = base.scaled_dot_product_attention


@dataclass(frozen=True)
class Tile:
    """Queries from `first` up to `end`, and the stretches of keys that one of them may see."""

    first: int
    end: int
    seen: tuple[tuple[int, int], ...]

    @property
    def queries(self) -> int:
        return self.end - self.first

    @property
    def keys(self) -> int:
        return sum(end - first for first, end in self.seen)


def install_tiled_attention(model: nn.Module) -> None:
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


def plan_tiles(units: np.ndarray, branches: np.ndarray) -> tuple[Tile, ...]:
    """The tiles of rows laid out as a Layout tells, [R, W] each: a token sees those before it in its own unit, of its
    own branch or of none."""
    width, most = units.shape[1], int(branches.max()) + 1
    common, own = units * most, units * most + branches
    made = []
    for first in range(0, width, TILE):
        end = min(first + TILE, width)
        seen = np.zeros(end, bool)
        for row in range(len(units)):
            asking = np.concatenate([common[row, first:end], own[row, first:end]])
            seen |= np.isin(own[row, :end], asking)
        made.append(Tile(first, end, _stretches(seen)))
    return tuple(made)


def _stretches(seen: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Where `seen` is True, as (first, end); short gaps count as seen."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    found: list[tuple[int, int]] = []
    for first, end in edges.reshape(-1, 2).tolist():
        if found and first - found[-1][1] < MIN_GAP:
            found[-1] = (found[-1][0], end)
        else:
            found.append((first, end))
    return tuple(found)


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
        return x[:, :, part.first : part.end].reshape(rows, near, shared * part.queries, x.shape[-1])

    def taken(x: mx.array, part: Tile, axis: int) -> mx.array:
        """A tile's keys out of all."""
        pieces = [x[..., first:end] if axis == -1 else x[..., first:end, :] for first, end in part.seen]
        return pieces[0] if len(pieces) == 1 else mx.concatenate(pieces, axis=axis)

    def may_look(part: Tile) -> mx.array:
        return taken(mask[..., part.first : part.end, :], part, -1)[:, :, None]  # [R or 1, 1, 1, tile, keys]

    def spread(x: mx.array, part: Tile) -> mx.array:
        """The numbers of a tile's keys in the place of all keys."""
        made, at, behind = [], 0, 0
        for first, end in part.seen:
            made += [mx.zeros((*x.shape[:2], first - behind, x.shape[-1])), x[:, :, at : at + end - first]]
            at, behind = at + end - first, end
        return mx.concatenate([*made, mx.zeros((*x.shape[:2], width - behind, x.shape[-1]))], axis=2)

    @mx.custom_function
    def tiled(q: mx.array, k: mx.array, v: mx.array) -> list[mx.array]:
        made, kept = [], []
        for part in parts:
            scores = (scale * tile(q, part)) @ taken(k, part, -2).swapaxes(-1, -2)
            scores = scores.reshape(rows, near, shared, part.queries, part.keys)
            scores = mx.where(may_look(part), scores, -mx.inf)
            e = exp(scores - scores.max(-1, keepdims=True)).reshape(rows, near, shared * part.queries, part.keys)
            total = e.sum(-1, keepdims=True)
            made.append(((e @ taken(v, part, -2)) / total).reshape(rows, heads, part.queries, size))
            kept += [e, total]
        return [mx.concatenate(made, axis=2), *kept]

    @tiled.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, mx.array, mx.array]:
        q, k, v = primals
        slope, made, kept = cotangents[0], outputs[0], outputs[1:]
        to_q, to_k, to_v = [], mx.zeros_like(k), mx.zeros_like(v)
        for n, part in enumerate(parts):
            e, total = kept[2 * n], kept[2 * n + 1]  # the probabilities are e / total
            mine = tile(slope, part) / total
            common = (mine * tile(made, part)).sum(-1, keepdims=True)
            to_scores = e * (mine @ taken(v, part, -2).swapaxes(-1, -2) - common)
            to_q.append((scale * (to_scores @ taken(k, part, -2))).reshape(rows, heads, part.queries, q.shape[-1]))
            to_k = to_k + spread(to_scores.swapaxes(-1, -2) @ (scale * tile(q, part)), part)
            to_v = to_v + spread(e.swapaxes(-1, -2) @ mine, part)
        return mx.concatenate(to_q, axis=2), to_k, to_v

    return tiled(queries, keys, values)[0]
