"""The keys and values of one layer while one token of each row is computed, in arrays whose shape stays.

mlx-lm's caches grow by a token, so that every token's work has other shapes; here the room is there and the tokens'
place is an array, so that one compiled function computes them all.
"""

import mlx.core as mx

from core.model.kernels.pieces import attend_token


class TokenCache:
    """Takes the place of a BatchKVCache for one token of each of N rows."""

    def __init__(self, keys: mx.array, values: mx.array, index: mx.array, padding: mx.array) -> None:
        """keys and values [N, K, T, D] with room at the token's place, index [1]; padding [N]: where a row begins."""
        self.keys, self.values, self._index, self._padding = keys, values, index, padding

    @property
    def offset(self) -> mx.array:
        """The position of each row's token [N]."""
        return self._index - self._padding

    def make_mask(self, n: int, return_array: bool = False, window_size: int | None = None) -> None:
        """None: attend() sees to it."""

    def attend(self, q: mx.array, k: mx.array, v: mx.array, scale: float) -> mx.array:
        """Keep the token's k and v [N, K, 1, D]; returns what q [N, H, 1, D] finds in those of its row."""
        self.keys = mx.slice_update(self.keys, k, self._index, axes=(2,))
        self.values = mx.slice_update(self.values, v, self._index, axes=(2,))
        found = attend_token(q.squeeze(2), self.keys, self.values, self._padding, self._index, scale)
        return mx.expand_dims(found, 2)
