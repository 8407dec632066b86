"""A few values of a run's loss for a tiny curve, read without reading the whole log. No Qt."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

POINTS = 32
_BLOCK = 4096  # bytes read at each of the points of a long log
_STEP = b'{"event": "Step"'


def thin_out(values: list[float]) -> tuple[float, ...]:
    """At most POINTS of the finite values, evenly spread, always with the last one."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) <= POINTS:
        return tuple(finite)
    return tuple(finite[round(i * (len(finite) - 1) / (POINTS - 1))] for i in range(POINTS))


def read_losses(path: Path) -> tuple[float, ...]:
    """The training loss over the run: of a long log the mean of a block of it at each of POINTS places."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if size <= POINTS * _BLOCK:
                return thin_out(list(_losses(file.read())))
            means = []
            for i in range(POINTS):
                file.seek(i * (size - _BLOCK) // (POINTS - 1))
                losses = list(_losses(file.read(_BLOCK).partition(b"\n")[2]))
                if losses:
                    means.append(sum(losses) / len(losses))
            return tuple(means)
    except OSError:
        return ()


def _losses(block: bytes) -> Iterator[float]:
    """The finite losses of the steps in whole lines of a block; a line that is cut off is none."""
    for line in block.split(b"\n"):
        if not line.startswith(_STEP):
            continue
        try:
            loss = json.loads(line)["loss"]
        except (ValueError, LookupError, RecursionError):
            continue
        if isinstance(loss, int | float) and math.isfinite(loss):
            yield float(loss)
