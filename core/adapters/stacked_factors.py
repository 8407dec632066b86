"""The adapters of layers with one input, for all blocks of a model at once.

A GPU then puts those of all blocks together in a dozen pieces of work, and not in a dozen for each block.
"""

from collections.abc import Sequence
from typing import NamedTuple

import mlx.core as mx

Factors = tuple[mx.array, mx.array]  # (A [in, rank], B [rank, out]), or stacks of them: [blocks, in, rank] and so on


class KeptFactors(NamedTuple):
    """The adapters of layers with one input as those of one, put together once for many calls."""

    a: mx.array  # [in, rank], a view of a_rows
    b: mx.array  # [rank, out]
    a_rows: mx.array  # [rank, in], as a kernel reads it


def keep_factors(factors: Factors) -> KeptFactors:
    """Those of one layer, or of several as one, for many calls; not evaluated."""
    a_rows = mx.contiguous(factors[0].T)
    return KeptFactors(a_rows.T, factors[1], a_rows)


def join_factors(pairs: Sequence[Factors | None], places: Sequence[tuple[int, int]], outputs: int) -> Factors | None:
    """The stacked factors of layers with one input as those of one layer: A [L, in, ranks], B [L, ranks, outputs].

    A layer's outputs are the range `places` gives it; None stands for one without an adapter, and is returned where
    none has one.
    """
    present = [(*pair, *place) for pair, place in zip(pairs, places, strict=True) if pair is not None]
    if not present:
        return None
    a = mx.concatenate([a for a, *_ in present], axis=2)
    # Matrices B block by block along a diagonal.
    rows = [mx.pad(b, ((0, 0), (0, 0), (first, outputs - end))) for _, b, first, end in present]
    return a, mx.concatenate(rows, axis=1)


def split_blocks(stack: mx.array) -> list[mx.array]:
    """The tensor of each block."""
    return [part.squeeze(0) for part in mx.split(stack, len(stack))]
