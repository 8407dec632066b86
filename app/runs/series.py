"""A curve that grows point by point in memory of a fixed size. No NumPy, which takes long to import."""

import math

CAPACITY = 32_768  # points; when they are full, neighbours are averaged and half the room is free again


STEADY = 0.9  # the weight that sentences and summaries read; always kept up to date


def _room(capacity: int) -> "memoryview[float]":
    return memoryview(bytearray(8 * capacity)).cast("d")


class _Average:
    """The exponential moving average of a curve, its start corrected for having begun at nothing."""

    def __init__(self, weight: float, capacity: int) -> None:
        self.weight = weight
        self.values = _room(capacity)
        self._sum, self._mass = 0.0, 0.0

    def append(self, place: int, y: float) -> None:
        if math.isfinite(y):
            self._sum = self.weight * self._sum + (1 - self.weight) * y
            self._mass = self.weight * self._mass + (1 - self.weight)
        self.values[place] = self._sum / self._mass if self._mass else y


class Series:
    """x and y of a curve, with running averages of it: views of float64, which NumPy takes without a copy."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._x = _room(capacity)
        self._y = _room(capacity)
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
    def x(self) -> "memoryview[float]":
        return self._x[: self._count]

    @property
    def y(self) -> "memoryview[float]":
        return self._y[: self._count]

    def smooth(self, weight: float) -> "memoryview[float]":
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
        for points in (self._x, self._y, *(a.values for a in self._averages)):
            for i in range(half):
                points[i] = (points[2 * i] + points[2 * i + 1]) / 2
        self._count = half
