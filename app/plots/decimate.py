"""Fewer points for a thick line, which costs by the point."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWN = 400  # points of a smooth line


def thinned(
    x: "memoryview[float] | NDArray[Any]",
    y: "memoryview[float] | NDArray[Any]",
    between: tuple[float, float] | None = None,
    most: int = DRAWN,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most about `most` points of a smooth curve, the last one always among them.

    With `between` only of the part from one x to another, and the points next to it, to which a line leads.
    """
    xs, ys = np.asarray(x), np.asarray(y)
    if between is not None:
        first, last = np.searchsorted(xs, between)
        part = slice(max(0, int(first) - 1), int(last) + 1)
        xs, ys = xs[part], ys[part]
    if len(xs) <= most:
        return xs, ys
    step = math.ceil(len(xs) / most)
    keep = np.append(np.arange(0, len(xs) - 1, step), len(xs) - 1)
    return xs[keep], ys[keep]
