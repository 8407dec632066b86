"""A curve that grows point by point in NumPy arrays of a fixed size."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

CAPACITY = 32_768  # points; when they are full, neighbours are averaged and half the room is free again


class Series:
    """x and y of a curve, with a running average whose start is corrected for having begun at nothing."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._x = np.empty(capacity)
        self._y = np.empty(capacity)
        self._smooth = np.empty(capacity)
        self._count = 0
        self._weight = 0.9
        self._sum, self._mass = 0.0, 0.0

    def __len__(self) -> int:
        return self._count

    def append(self, x: float, y: float) -> None:
        if self._count == len(self._x):
            self._halve()
        self._x[self._count], self._y[self._count] = x, y
        self._smooth[self._count] = self._average(y)
        self._count += 1

    @property
    def x(self) -> NDArray[Any]:
        return self._x[: self._count]

    @property
    def y(self) -> NDArray[Any]:
        return self._y[: self._count]

    def smooth(self, weight: float) -> NDArray[Any]:
        """The exponential moving average of y; `weight` 0 is y itself, 0.99 very smooth."""
        if weight != self._weight:
            self._weight, self._sum, self._mass = weight, 0.0, 0.0
            for i in range(self._count):
                self._smooth[i] = self._average(self._y[i])
        return self._smooth[: self._count]

    def _average(self, y: float) -> float:
        if math.isfinite(y):
            self._sum = self._weight * self._sum + (1 - self._weight) * y
            self._mass = self._weight * self._mass + (1 - self._weight)
        return self._sum / self._mass if self._mass else y

    def _halve(self) -> None:
        half = self._count // 2
        for array in (self._x, self._y, self._smooth):
            array[:half] = array[: 2 * half].reshape(half, 2).mean(axis=1)
        self._count = half


def thinned(x: NDArray[Any], y: NDArray[Any], most: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most about `most` points of a smooth curve, the last one always among them."""
    if len(x) <= most:
        return x, y
    step = math.ceil(len(x) / most)
    keep = np.append(np.arange(0, len(x) - 1, step), len(x) - 1)
    return x[keep], y[keep]
