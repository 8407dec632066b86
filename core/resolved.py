"""The parts of resolved.json: what was asked for, what is used, and why. Plain frozen values, without MLX.

resolved.json is a public contract: `dataclasses.asdict` of these gives its keys, which are added to and never renamed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backend:
    """Which device computes."""

    requested: str  # "auto", "gpu" or "cpu"
    used: str  # "gpu" or "cpu"
    device: str  # as its maker calls it
    reason: str


@dataclass(frozen=True)
class Precision:
    """How the base model's weights are held, and what it computes in."""

    requested: str
    used: str
    detail: str
    reason: str
    compute: str  # "float32", "bfloat16" or "float16"
    bits: float  # a weight's, its share of the scales left out
    block: int | None  # weights that share a scale
    double: bool  # whether the scales are packed too


@dataclass(frozen=True)
class Decision:
    """Something that was decided while setting up: what is used, and why."""

    used: bool | str
    reason: str


@dataclass(frozen=True)
class Packing:
    """Whether short rows lie end to end."""

    requested: bool
    used: bool
    reason: str


@dataclass(frozen=True)
class MicroBatches:
    """How a batch goes through the model."""

    rows: int
    tokens: int | None  # limit of a micro-batch with more, shorter rows; None: `rows` alone
    at_once: int  # micro-batches computed side by side
    reason: str


@dataclass(frozen=True)
class AnswersAtOnce:
    """How many sampled answers are written together."""

    requested: int
    used: int
    bytes_each: int
    reason: str
