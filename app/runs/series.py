"""A curve that grows point by point, up to a size in memory that is fixed. No NumPy, which takes long to import."""

import math

CAPACITY = 32_768  # points; when they are full, neighbours are averaged, and half of the memory is free again
_FIRST = 512  # points that there is room for at first

# The weight of the running average that the charts show at first and that all sentences read.
SMOOTHING = 0.9
_SETTLING = 20  # points: an average of a curve that is not much longer than this forgets faster


def _float_buffer(capacity: int) -> "memoryview[float]":
    return memoryview(bytearray(8 * capacity)).cast("d")


def _enlarged(points: "memoryview[float]", capacity: int) -> "memoryview[float]":
    larger = _float_buffer(capacity)
    larger[: len(points)] = points
    return larger


class _Average:
    """The exponential moving average of a curve, corrected for its start at zero as Adam's averages are.

    A curve that has only begun changes fast, so the weight of what was grows with it, from 1/20 up to `weight`, as that
    of TensorFlow's averages does: min(weight, (1 + n) / (20 + n)) after n points.
    """

    def __init__(self, weight: float, capacity: int) -> None:
        self.weight = weight
        self.values = _float_buffer(capacity)
        self._sum, self._mass, self._points = 0.0, 0.0, 0

    def append(self, index: int, y: float) -> None:
        if math.isfinite(y):
            weight = min(self.weight, (1 + self._points) / (_SETTLING + self._points))
            self._sum = weight * self._sum + (1 - weight) * y
            self._mass = weight * self._mass + (1 - weight)
            self._points += 1
        self.values[index] = self._sum / self._mass if self._mass else y


class Series:
    """x and y of a curve, with running averages of it: views of float64, which NumPy takes without a copy."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity, room = capacity, min(_FIRST, capacity)
        self._x = _float_buffer(room)
        self._y = _float_buffer(room)
        # The steady average, and the one whose weight a person has chosen where that is another.
        self._averages = [_Average(SMOOTHING, room)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, x: float, y: float) -> None:
        if self._count == len(self._x):
            self._make_room()
        self._x[self._count], self._y[self._count] = x, y
        for average in self._averages:
            average.append(self._count, y)
        self._count += 1

    def cut(self, x: float) -> None:
        """Drop the points at x and behind it."""
        while self._count and self._x[self._count - 1] >= x:
            self._count -= 1
        self._averages = [_Average(average.weight, len(self._y)) for average in self._averages]
        for average in self._averages:
            for i in range(self._count):
                average.append(i, self._y[i])

    @property
    def x(self) -> "memoryview[float]":
        return self._x[: self._count]

    @property
    def y(self) -> "memoryview[float]":
        return self._y[: self._count]

    def smooth(self, weight: float) -> "memoryview[float]":
        """The exponential moving average of y; `weight` 0 is y itself, 0.99 very smooth."""
        average = next((a for a in self._averages if a.weight == weight), None)
        if average is None:
            average = _Average(weight, len(self._y))
            for i in range(self._count):
                average.append(i, self._y[i])
            self._averages[1:] = [average]
        return average.values[: self._count]

    def _make_room(self) -> None:
        """Take twice the memory, or average neighbouring points where that is more than may be."""
        room = min(2 * len(self._x), self._capacity)
        if room == len(self._x):
            self._halve()
            return
        self._x, self._y = _enlarged(self._x, room), _enlarged(self._y, room)
        for average in self._averages:
            average.values = _enlarged(average.values, room)

    def _halve(self) -> None:
        half = self._count // 2
        for points in (self._x, self._y, *(a.values for a in self._averages)):
            for i in range(half):
                points[i] = (points[2 * i] + points[2 * i + 1]) / 2
        self._count = half
