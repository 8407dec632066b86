"""Double quantization: the scales of NF4 and FP4 packed in 8 bits each (QLoRA, arXiv:2305.14314, section 3).

The mean of the scales is subtracted, and the differences are quantized in blocks of 256: each becomes the nearest of
256 numbers, the dynamic map, whose steps are finer near zero (Dettmers, arXiv:1511.04561). There are few scales, so
this runs in NumPy, which gives the same numbers on every device.

bitsandbytes takes the mean with PyTorch's float32 sum, whose last bit depends on the processor's vector width; here
the sum is in float64 and rounded once. So the mean may differ in its last bits, and with it, rarely, a code at the
border between two. Given the same mean, codes and scales are equal bit for bit.
"""

from typing import NamedTuple

import mlx.core as mx
import numpy as np

BLOCK = 256
_SMALLEST = np.float32(1e-38)


class NestedScales(NamedTuple):
    """What is needed beside the codes to unpack m packed scales."""

    scales: mx.array  # float32 [ceil(m / 256)]: the largest magnitude of each block
    mean: mx.array  # float32 []: of all scales


def quantize(scales: mx.array, mean: float | None = None) -> tuple[mx.array, NestedScales]:
    """Pack the scales of a 4-bit matrix: (codes uint8 [m], NestedScales) from scales float32 [m].

    `mean` replaces the mean of the scales where it is given.
    """
    x = np.array(scales, dtype=np.float32)
    center = np.float32(x.mean(dtype=np.float64) if mean is None else mean)
    x = x - center
    maxima = np.maximum.reduceat(np.abs(x), np.arange(0, x.size, BLOCK))
    factor = np.float32(1) / np.maximum(maxima, _SMALLEST)
    unit = x * np.repeat(factor, BLOCK)[: x.size]
    complete = x.size - x.size % BLOCK
    if complete < x.size:  # bitsandbytes divides in an incomplete block, and keeps its scale off zero
        maxima[-1] = np.maximum(maxima[-1], _SMALLEST)
        unit[complete:] = x[complete:] / maxima[-1]
    table = dynamic_map()
    borders = (table[:-1] + table[1:]) / np.float32(2)
    codes = np.searchsorted(borders, unit).astype(np.uint8)
    return mx.array(codes), NestedScales(mx.array(maxima), mx.array(center))


def dequantize(codes: mx.array, nested: NestedScales) -> mx.array:
    """The scales float32 [m] of codes uint8 [m]; not evaluated."""
    values = mx.array(dynamic_map())[codes]
    maxima = mx.repeat(nested.scales, BLOCK)[: codes.size]
    return values * maxima + nested.mean


def dynamic_map() -> np.ndarray:
    """The 256 numbers, sorted, float32: seven decades from 1e-6 to 1, each with twice as many steps as the last.

    Source: Dettmers, arXiv:1511.04561, as bitsandbytes' create_dynamic_map makes it. The borders of the steps are
    rounded to float32 as PyTorch's linspace rounds them where the processor has fused multiply-add: one rounding
    each, counted from both ends.
    """
    low, high = np.float32(0.1), np.float32(1)
    values = [np.float32(0), np.float32(1)]
    for decade in range(7):
        count = 2**decade
        step = np.float64((high - low) / np.float32(count))
        index = np.arange(count + 1)
        is_lower_half = index < (count + 1) // 2
        borders = np.where(is_lower_half, low + step * index, high - step * (count - index)).astype(np.float32)
        means = np.float32(10.0 ** (decade - 6)) * ((borders[:-1] + borders[1:]) / np.float32(2))
        values += [*means, *-means]
    return np.sort(np.array(values, dtype=np.float32))
