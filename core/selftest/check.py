"""The outcome of a part of the selftest, and how a part says that it does not work or cannot be had."""

from dataclasses import dataclass

import mlx.core as mx
import numpy as np

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Skip(Exception):
    """Raised by a part that this machine cannot have; the text is the reason."""


class Failure(Exception):
    """Raised by a part that does not work; the text says what it found."""


@dataclass(frozen=True)
class Check:
    """The outcome of one part. `detail` is a sentence: what was found, why it was skipped, or what went wrong."""

    name: str
    outcome: str  # PASSED, FAILED or SKIPPED
    detail: str
    seconds: float = 0.0


def compare(found: mx.array, expected: np.ndarray, tolerance: float) -> None:
    """Raises Failure where two arrays differ by more than `tolerance` anywhere."""
    difference = float(np.abs(np.array(found.astype(mx.float32)) - expected).max())
    if not difference <= tolerance:
        raise Failure(f"Numbers are wrong by {difference:.3g}, where {tolerance:.3g} is allowed.")
