"""Arrays that NumPy computes in and MLX has the memory of: what MLX says is in use holds them, too."""

from math import prod

import mlx.core as mx
import numpy as np

CHUNK = 1 << 16  # numbers of the smallest piece of memory that is asked for


def empty(*shape: int) -> np.ndarray:
    """A float32 array [*shape] that may hold any numbers."""
    memory = mx.zeros((prod(shape),))
    mx.eval(memory)
    return np.array(memory, copy=False).reshape(shape)


def view(array: mx.array) -> np.ndarray:
    """The numbers of an MLX array in the place where they lie."""
    return np.array(array, copy=False)


class Arena:
    """Memory that is given out piece by piece, and taken back from the last piece on. One thread uses it at a time."""

    def __init__(self) -> None:
        self._chunks: list[np.ndarray] = []
        self._chunk = self._used = 0  # pieces are given out of this chunk, of which so much is

    def take(self, *shape: int) -> np.ndarray:
        """A float32 array [*shape] that may hold any numbers, until release()."""
        size = prod(shape)
        if self._chunk < len(self._chunks) and self._used + size > len(self._chunks[self._chunk]):
            self._chunk, self._used = self._chunk + 1, 0
        # Whatever lies behind is free: what is too small gives way, and nothing is kept in vain.
        if self._chunk < len(self._chunks) and size > len(self._chunks[self._chunk]):
            del self._chunks[self._chunk]
            self._chunks.insert(self._chunk, empty(size))
        if self._chunk == len(self._chunks):
            self._chunks.append(empty(max(size, CHUNK)))
        first, self._used = self._used, self._used + -(-size // 16) * 16  # on the bounds of cache lines
        return self._chunks[self._chunk][first : first + size].reshape(shape)

    def mark(self) -> tuple[int, int]:
        """What has been given out so far, for release()."""
        return self._chunk, self._used

    def release(self, mark: tuple[int, int]) -> None:
        """Take back what was given out since mark()."""
        self._chunk, self._used = mark
