"""Double quantization: the scales of NF4 and FP4 packed in 8 bits each (QLoRA, arXiv:2305.14314, section 3).

The scales less their mean, in blocks of 256, each the nearest of 256 numbers: the dynamic map, whose steps are
finer near zero (Dettmers, arXiv:1511.04561). There are few scales, so this runs in NumPy: exact everywhere.

bitsandbytes takes the mean with PyTorch's float32 sum, whose last bit depends on the processor's vector width; here
it is summed in float64 and rounded once. So the mean may differ by its last bits, and with it, rarely, a code at the
border between two. Given the same mean, codes and scales are equal bit for bit.
"""

from typing import NamedTuple

import mlx.core as mx
import numpy as np

BLOCK = 256
_SMALLEST = np.float32(1e-38)


class NestedScales(NamedTuple):
    """What unpacks the codes of scales."""

    scales: mx.array  # float32 [ceil(m / 256)]
    mean: mx.array  # float32 []


def quantize(scales: mx.array, mean: float | None = None) -> tuple[mx.array, NestedScales]:
    """(codes uint8 [m], Nested) of scales float32 [m]; `mean` stands in for their own where it is given."""
    x = np.array(scales, dtype=np.float32)
    middle = np.float32(x.mean(dtype=np.float64) if mean is None else mean)
    x = x - middle
    tops = np.maximum.reduceat(np.abs(x), np.arange(0, x.size, BLOCK))
    factor = np.float32(1) / np.maximum(tops, _SMALLEST)
    unit = x * np.repeat(factor, BLOCK)[: x.size]
    last = x.size - x.size % BLOCK
    if last < x.size:  # bitsandbytes divides in an incomplete block, and keeps its scale off zero
        tops[-1] = np.maximum(tops[-1], _SMALLEST)
        unit[last:] = x[last:] / tops[-1]
    table = dynamic_map()
    borders = (table[:-1] + table[1:]) / np.float32(2)
    codes = np.searchsorted(borders, unit).astype(np.uint8)
    return mx.array(codes), NestedScales(mx.array(tops), mx.array(middle))


def dequantize(codes: mx.array, nested: NestedScales) -> mx.array:
    """The scales float32 [m] that the codes stand for."""
    values = mx.array(dynamic_map())[codes]
    tops = mx.repeat(nested.scales, BLOCK)[: codes.size]
    return values * tops + nested.mean


def dynamic_map() -> np.ndarray:
    """The 256 numbers, sorted, float32: seven decades from 1e-6 to 1, each with twice as many steps as the last.

    The borders of the steps are rounded to float32 as PyTorch's linspace rounds them where the processor has fused
    multiply-add: one rounding each, counted from both ends.
    """
    low, high = np.float32(0.1), np.float32(1)
    found = [np.float32(0), np.float32(1)]
    for decade in range(7):
        count = 2**decade
        step = np.float64((high - low) / np.float32(count))
        up = np.arange(count + 1)
        borders = np.where(up < (count + 1) // 2, low + step * up, high - step * (count - up)).astype(np.float32)
        means = np.float32(10.0 ** (decade - 6)) * ((borders[:-1] + borders[1:]) / np.float32(2))
        found += [*means, *-means]
    return np.sort(np.array(found, dtype=np.float32))
