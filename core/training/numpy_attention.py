"""Attention and its gradient with NumPy, in tiles, as core.model.tiled_attention computes it with MLX.

Shapes: R rows of W tokens; H query heads, K key heads (H a multiple of K), S = H / K; D numbers in a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.model.numpy_arrays import Arena
from core.model.tiled_attention import Tile, plan_tiles


@dataclass(frozen=True)
class MaskedTile:
    """A tile of queries, and which of its keys each of them attends to."""

    tile: Tile
    hidden: np.ndarray  # [R, 1, 1, queries, keys]: 0, or -infinity where a query does not attend to a key

    @property
    def queries(self) -> slice:
        return slice(self.tile.first, self.tile.end)

    def take_keys(self, x: np.ndarray) -> np.ndarray:
        """The tile's keys or values [R, K, 1, keys, D] of all [R, W, K, D]; a view where they lie together."""
        pieces = [x[:, first:end] for first, end in self.tile.key_ranges]
        joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
        return joined.transpose(0, 2, 1, 3)[:, :, None]

    def add_keys(self, total: np.ndarray, x: np.ndarray) -> None:
        """Add what belongs to the tile's keys [R, K, keys, D] to what all have [R, W, K, D]."""
        place = 0
        for first, end in self.tile.key_ranges:
            total[:, first:end] += x[:, :, place : place + end - first].transpose(0, 2, 1, 3)
            place += end - first


@dataclass(frozen=True)
class Scores:
    """What the gradient of a tile needs."""

    e: np.ndarray  # e^(score - largest) [R, K, S, queries, keys]
    total: np.ndarray  # their sums [R, K, S, queries, 1]

    @staticmethod
    def take(tile: MaskedTile, rows: int, heads: int, key_heads: int, memory: Arena) -> "Scores":
        """Those of a tile, not computed yet."""
        shape = rows, key_heads, heads // key_heads, tile.tile.queries
        return Scores(memory.take(*shape, tile.tile.keys), memory.take(*shape, 1))

    def of(self, key_heads: slice) -> "Scores":
        """Those of some key heads."""
        return Scores(self.e[:, key_heads], self.total[:, key_heads])


def mask_tiles(segments: np.ndarray, sub_segments: np.ndarray) -> list[MaskedTile]:
    """The tiles of rows that are laid out as a core.data.batch.packing.Layout says, int [R, W] each."""
    tiles, index = [], np.arange(segments.shape[1])
    for tile in plan_tiles(segments, sub_segments):
        keys = np.concatenate([index[first:end] for first, end in tile.key_ranges])
        queries = index[tile.first : tile.end]
        shown = queries[:, None] >= keys
        shown = shown & (segments[:, queries, None] == segments[:, None, keys])
        own = sub_segments[:, None, keys]
        shown &= (own == 0) | (own == sub_segments[:, queries, None])
        tiles.append(MaskedTile(tile, np.where(shown, np.float32(0), np.float32(-np.inf))[:, None, None]))
    return tiles


def attend(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    out: np.ndarray,
    tiles: Sequence[MaskedTile],
    scores: Sequence[Scores],
) -> None:
    """Write softmax(Q Kᵀ where a query attends to a key) V to `out`, and to `scores` what its gradient needs.

    q, out [R, W, H, D]; k, v [R, W, K, D]; queries are scaled already.
    """
    key_heads = k.shape[2]
    for tile, kept in zip(tiles, scores, strict=True):
        e = kept.e
        np.matmul(_by_key_head(q[:, tile.queries], key_heads), tile.take_keys(k).swapaxes(-1, -2), out=e)
        e += tile.hidden
        e -= e.max(axis=-1, keepdims=True)
        np.exp(e, out=e)
        e.sum(axis=-1, keepdims=True, out=kept.total)
        attended = _by_key_head(out[:, tile.queries], key_heads)
        np.matmul(e, tile.take_keys(v), out=attended)
        attended /= kept.total


def attend_backward(
    grad: np.ndarray,
    out: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    tiles: Sequence[MaskedTile],
    scores: Sequence[Scores],
    grads: tuple[np.ndarray, np.ndarray, np.ndarray],
    scratch: Arena,
) -> None:
    """Write the gradients of queries (as they were scaled), keys and values to `grads`, from that of the output.

    grad, out, q [R, W, H, D]; k, v [R, W, K, D], as attend() had them. The gradient of a score is that of
    core.model.tiled_attention.attend().
    """
    rows, _, key_heads, size = k.shape
    q_grad, k_grad, v_grad = grads
    k_grad[:] = v_grad[:] = 0
    for tile, kept in zip(tiles, scores, strict=True):
        mark = scratch.mark()
        keys, values = tile.take_keys(k), tile.take_keys(v)
        shape = (*kept.total.shape[:-1], size)
        scaled = np.divide(_by_key_head(grad[:, tile.queries], key_heads), kept.total, out=scratch.take(*shape))
        row_sums = np.einsum("rksqd,rksqd->rksq", scaled, _by_key_head(out[:, tile.queries], key_heads))
        scores_grad = np.matmul(scaled, values.swapaxes(-1, -2), out=scratch.take(*kept.e.shape))
        scores_grad -= row_sums[..., None]
        scores_grad *= kept.e
        np.matmul(scores_grad, keys, out=_by_key_head(q_grad[:, tile.queries], key_heads))
        queries = scratch.take(*shape)
        queries[:] = _by_key_head(q[:, tile.queries], key_heads)
        flat = [x.reshape(rows, key_heads, -1, x.shape[-1]) for x in (scores_grad, queries, kept.e, scaled)]
        own = scratch.take(rows, key_heads, tile.tile.keys, size)
        tile.add_keys(k_grad, np.matmul(flat[0].swapaxes(-1, -2), flat[1], out=own))
        tile.add_keys(v_grad, np.matmul(flat[2].swapaxes(-1, -2), flat[3], out=own))
        scratch.release(mark)


def _by_key_head(x: np.ndarray, key_heads: int) -> np.ndarray:
    """Heads [R, queries, H, D] as [R, K, S, queries, D], without a copy."""
    rows, queries, heads, size = x.shape
    return x.reshape(rows, queries, key_heads, heads // key_heads, size).transpose(0, 2, 3, 1, 4)
