"""A curve that grows point by point in NumPy arrays of a fixed size."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

CAPACITY = 32_768  # points; when they are full, neighbours are averaged and half the room is free again


STEADY = 0.9  # the weight that sentences and summaries read; always kept up to date


class _Average:
    """The exponential moving average of a curve, its start corrected for having begun at nothing."""

    def __init__(self, weight: float, capacity: int) -> None:
        self.weight = weight
        self.values = np.empty(capacity)
        self._sum, self._mass = 0.0, 0.0

    def append(self, place: int, y: float) -> None:
        if math.isfinite(y):
            self._sum = self.weight * self._sum + (1 - self.weight) * y
            self._mass = self.weight * self._mass + (1 - self.weight)
        self.values[place] = self._sum / self._mass if self._mass else y


class Series:
    """x and y of a curve, with running averages of it."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._x = np.empty(capacity)
        self._y = np.empty(capacity)
        self._averages = [_Average(STEADY, capacity)]  # and the one a person has chosen, if that is another
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, x: float, y: float) -> None:
        if self._count == len(self._x):
            self._halve()
        self._x[self._count], self._y[self._count] = x, y
        for average in self._averages:
            average.append(self._count, y)
        self._count += 1

    @property
    def x(self) -> NDArray[Any]:
        return self._x[: self._count]

    @property
    def y(self) -> NDArray[Any]:
        return self._y[: self._count]

    def smooth(self, weight: float) -> NDArray[Any]:
        """The exponential moving average of y; `weight` 0 is y itself, 0.99 very smooth."""
        found = next((a for a in self._averages if a.weight == weight), None)
        if found is None:
            found = _Average(weight, len(self._y))
            for i in range(self._count):
                found.append(i, self._y[i])
            self._averages[1:] = [found]
        return found.values[: self._count]

    def _halve(self) -> None:
        half = self._count // 2
        for array in (self._x, self._y, *(a.values for a in self._averages)):
            array[:half] = array[: 2 * half].reshape(half, 2).mean(axis=1)
        self._count = half


def thinned(x: NDArray[Any], y: NDArray[Any], most: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most about `most` points of a smooth curve, the last one always among them."""
    if len(x) <= most:
        return x, y
    step = math.ceil(len(x) / most)
    keep = np.append(np.arange(0, len(x) - 1, step), len(x) - 1)
    return x[keep], y[keep]
