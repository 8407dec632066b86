"""Arrays that NumPy computes in and MLX has the memory of: what MLX says is in use holds them, too."""

from math import prod
from typing import NamedTuple

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
        self._mark = Mark(0, 0, 0)
        self._most = 0  # numbers that were given out at a time

    def take(self, *shape: int) -> np.ndarray:
        """A float32 array [*shape] that may hold any numbers, until release()."""
        size = prod(shape)
        chunk, used, total = self._mark
        while chunk < len(self._chunks) and used + size > len(self._chunks[chunk]):
            chunk, used = chunk + 1, 0
        if chunk == len(self._chunks):
            self._chunks.append(empty(max(size, CHUNK, self._most - total)))
        room = -(-size // 16) * 16  # on the bounds of cache lines
        self._mark = Mark(chunk, used + room, total + room)
        self._most = max(self._most, total + room)
        return self._chunks[chunk][used : used + size].reshape(shape)

    def clear(self) -> None:
        """Let go of the memory while nothing is given out; the next is one piece for all that was given out before."""
        self._chunks.clear()

    def expect(self, numbers: int) -> None:
        """So many are going to be given out, while nothing is: they come from one piece of memory."""
        self._most = max(self._most, numbers)
        if sum(len(chunk) for chunk in self._chunks) < numbers:
            self.clear()

    def mark(self) -> "Mark":
        """What has been given out so far, for release()."""
        return self._mark

    def release(self, mark: "Mark") -> None:
        """Take back what was given out since mark()."""
        self._mark = mark
        if mark.total == 0 and len(self._chunks) > 1:  # in one for all nothing stays empty
            self.clear()


class Mark(NamedTuple):
    """How far an arena is given out."""

    chunk: int  # the one that pieces come from
    used: int  # numbers of that
    total: int  # numbers of all
