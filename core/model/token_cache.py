"""Keys and values of a layer while tokens are written one at a time, in arrays whose shapes stay.

mlx-lm's caches grow by a token, so that every token's work has other shapes, and copy themselves for a token while the
GPU still reads them for the one before. Here the last tokens lie in small arrays of their own, which are put into the
large ones when they are full; how many there are is an array. So one compiled function computes all tokens.
"""

from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import BatchKVCache

from core.model.kernels.pieces import Heads, Rotation
from core.model.kernels.token_attention import Past, attend_token

RECENT = 32  # tokens that are kept apart


class RecentKVCache(BatchKVCache):
    """A BatchKVCache whose last tokens lie in `recent_keys` and `recent_values`; all its own methods work as ever."""

    def __init__(self, cache: Any) -> None:
        """Takes the arrays of a BatchKVCache that has tokens."""
        state = dict(vars(cache))
        self._offset: mx.array = state.pop("offset")  # without the recent tokens
        self.__dict__.update(state)
        self.recent_keys: Any = None
        self.recent_values: Any = None
        self.recent = 0

    @property
    def offset(self) -> mx.array:
        """The position of each row's next token [N]."""
        return self._offset + self.recent

    @offset.setter
    def offset(self, offset: mx.array) -> None:
        self._offset = offset - self.recent

    def make_room(self) -> None:
        """Let there be room for one more recent token."""
        if self.recent == RECENT:
            self.put_down()
        if self.recent_keys is None:
            rows, heads, _, size = self.keys.shape
            self.recent_keys = mx.zeros((rows, heads, RECENT, size), self.keys.dtype)
            self.recent_values = mx.zeros((rows, heads, RECENT, size), self.keys.dtype)

    def put_down(self) -> None:
        """Put the recent tokens where all others are."""
        if not self.recent:
            return
        keys, values = self.recent_keys[:, :, : self.recent], self.recent_values[:, :, : self.recent]
        self.recent, self.recent_keys, self.recent_values = 0, None, None
        super().update_and_fetch(keys, values)

    def make_mask(self, *arguments: Any, **options: Any) -> Any:
        self.put_down()
        return super().make_mask(*arguments, **options)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> Any:
        self.put_down()
        return super().update_and_fetch(keys, values)

    def filter(self, batch_indices: mx.array) -> None:
        self.put_down()
        super().filter(batch_indices)
        self.recent_keys = self.recent_values = None  # of another shape

    def extend(self, other: Any) -> None:
        self.put_down()
        super().extend(other)
        self.recent_keys = self.recent_values = None


class TokenCache:
    """Takes the place of the cache of one layer while a token of each row is computed."""

    def __init__(self, past: Past) -> None:
        self.past = past

    @property
    def offset(self) -> mx.array:
        """The position of each row's token [N]."""
        return self.past.place.sum() - self.past.start

    def make_mask(self, n: int, return_array: bool = False, window_size: int | None = None) -> None:
        """None: attend() sees to it."""

    def attend(self, qkv: mx.array, heads: Heads, rotation: Rotation, scale: float) -> mx.array:
        """Keep the token's keys and values, from qkv [N, (H + 2 K) size]; returns what its queries find in its row
        [N, H size]."""
        y, self.past = attend_token(qkv, heads, rotation, self.past, scale)
        return y
