"""Thins out the points of a curve: drawing a thick line costs time for each point."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_POINTS = 400  # points of a smooth line
MAX_DASHED_POINTS = 160  # of a line with dashes, which has to be drawn as a whole


def thin(
    x: "memoryview[float] | NDArray[Any]",
    y: "memoryview[float] | NDArray[Any]",
    x_range: tuple[float, float] | None = None,
    most: int = MAX_POINTS,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(x, y) of at most about `most` points of a smooth curve, always with the last one.

    `x_range` limits them to that part of the curve and the points next to it, to which the line leads.
    """
    xs, ys = np.asarray(x), np.asarray(y)
    if x_range is not None:
        first, last = np.searchsorted(xs, x_range)
        visible = slice(max(0, int(first) - 1), int(last) + 1)
        xs, ys = xs[visible], ys[visible]
    if len(xs) <= most:
        return xs, ys
    step = math.ceil(len(xs) / most)
    keep = np.append(np.arange(0, len(xs) - 1, step), len(xs) - 1)
    return xs[keep], ys[keep]


def dots(x: Any, y: Any) -> tuple[Any, Any]:
    """The points of a curve that is drawn with dots; none where all of them are NaN, which cannot be placed."""
    values = np.asarray(y)
    return (np.asarray(x), values) if np.isfinite(values).any() else (values[:0], values[:0])
