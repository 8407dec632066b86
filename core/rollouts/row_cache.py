"""The keys and values of many rows as NumPy arrays: rows may leave and join, padding is on the left.

Shapes: L layers, N rows, K key heads, T tokens, D numbers in a key.
"""

from typing import Any

import mlx.core as mx
import numpy as np

from core.model.numpy_arrays import empty

STEP = 64  # tokens by which there is room for more


class RowCache:
    """What all layers keep of the tokens so far; it has `filter` and `extend` as mlx-lm's caches of one layer."""

    def __init__(self, keys: np.ndarray, values: np.ndarray, padding: np.ndarray) -> None:
        """keys and values [L, N, K, T, D]; padding [N] is how many of the T are before a row's first token."""
        self._keys, self._values, self._padding = keys, values, padding
        self._length = keys.shape[3]

    @staticmethod
    def take(layers: list[Any], rows: list[int], heads: int, size: int) -> "RowCache":
        """Rows of what mlx-lm's BatchKVCache of each layer holds; a row may be taken several times."""
        padding, length = np.array(layers[0].left_padding), layers[0]._idx
        shape = (len(layers), len(rows), heads, length, size)
        keys, values = empty(*shape), empty(*shape)
        for n, layer in enumerate(layers if length else []):
            keys[n], values[n] = (np.array(part[:, :, :length])[rows] for part in (layer.keys, layer.values))
        return RowCache(keys, values, padding[rows])

    @property
    def positions(self) -> np.ndarray:
        """The position of each row's next token [N]."""
        positions: np.ndarray = self._length - self._padding
        return positions

    @property
    def hidden(self) -> np.ndarray | None:
        """-infinity where a row has padding, else 0: [N, 1, 1, T]; None where no row has any."""
        return self._hidden

    def add_token(self) -> None:
        """Make room for one more token of every row, which update() fills."""
        self._length += 1
        if self._length > self._keys.shape[3]:
            self._keys, self._values = self._padded(0, STEP)
        shown = np.arange(self._length) >= self._padding[:, None]
        self._hidden = (
            np.where(shown, np.float32(0), np.float32(-np.inf))[:, None, None] if self._padding.any() else None
        )

    def update(self, layer: int, keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Set a layer's last token [N, K, D]; returns all keys and values of the layer [N, K, T, D]."""
        self._keys[layer, :, :, self._length - 1] = keys
        self._values[layer, :, :, self._length - 1] = values
        return self._keys[layer, :, :, : self._length], self._values[layer, :, :, : self._length]

    def filter(self, rows: mx.array) -> None:
        """Keep these rows, in this order."""
        kept = np.array(rows)
        self._padding = self._padding[kept]
        unused = int(self._padding.min())
        self._keys, self._values = (_held(a[:, kept, :, unused : self._length]) for a in (self._keys, self._values))
        self._padding, self._length = self._padding - unused, self._length - unused

    def extend(self, other: "RowCache") -> None:
        """Take the rows of another behind these."""
        length = max(self._length, other._length)
        mine, theirs = (cache._padded(length - cache._length, 0) for cache in (self, other))
        self._keys, self._values = (_held(np.concatenate(pair, axis=1)) for pair in zip(mine, theirs, strict=True))
        paddings = [cache._padding + (length - cache._length) for cache in (self, other)]
        self._padding, self._length = np.concatenate(paddings), length

    def _padded(self, before: int, after: int) -> tuple[np.ndarray, ...]:
        """(keys, values) with room before and after the tokens that are there."""
        end = min(self._length, self._keys.shape[3])
        return tuple(_with_room(a[:, :, :, :end], before, after) for a in (self._keys, self._values))


def _with_room(array: np.ndarray, before: int, after: int) -> np.ndarray:
    """The same numbers [L, N, K, T, D] with so many tokens of 0 before them, and room for tokens behind them."""
    *shape, tokens, size = array.shape
    held = empty(*shape, before + tokens + after, size)
    held[:, :, :, :before] = 0
    held[:, :, :, before : before + tokens] = array
    return held


def _held(array: np.ndarray) -> np.ndarray:
    """The same numbers in memory that MLX counts."""
    held = empty(*array.shape)
    held[:] = array
    return held
