"""Whether several machines pay for a run: from a step's time, the size of its gradients, and the link between them."""

import math
from dataclasses import dataclass

WORTH = 0.95  # of the time on one machine; what is not below is no gain
BYTES = 4  # of a gradient's number: they are exchanged in float32


@dataclass(frozen=True)
class Link:
    """What the ranks of a run measured between them."""

    latency_seconds: float  # of the smallest sum over all ranks
    bytes_per_second: float  # of a large one: how much of an array is summed in a second

    def seconds(self, size: int) -> float:
        """How long a sum of so many bytes takes."""
        return self.latency_seconds + size / self.bytes_per_second


@dataclass(frozen=True)
class Gain:
    """What a run would gain."""

    ranks: int
    step_seconds: float  # on one machine
    exchange_seconds: float  # of it, on several
    ratio: float  # of the time on several machines to that on one
    gradient_bytes: int

    @property
    def pays(self) -> bool:
        return self.ratio < WORTH


def estimate_gain(step_seconds: float, rows: int, parameters: int, ranks: int, link: Link) -> Gain:
    """The gain where every machine is as fast as the one on which a step was measured.

    Arguments:
        step_seconds: of an optimizer step on one machine.
        rows: of an optimizer step, which are split over the ranks.
        parameters: that are trained.
        ranks: how many machines there would be.
        link: between them.
    """
    gradient_bytes = parameters * BYTES
    exchange = link.seconds(gradient_bytes)
    computing = step_seconds * math.ceil(rows / ranks) / rows
    return Gain(ranks, step_seconds, exchange, (computing + exchange) / step_seconds, gradient_bytes)
