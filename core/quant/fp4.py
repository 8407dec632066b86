"""FP4: a floating-point number in four bits (sign, two of exponent, one of fraction), in the layout of bitsandbytes.

The exponent's bits are not in the order of its value, and the table is not sorted. Two codes are zero: a weight
of exactly zero gets the first. On CUDA bitsandbytes has a decision tree of its own with other borders; this follows
its device-independent kernel, which takes the nearest number. MLX's mxfp4 and nvfp4 are other formats.
"""

import mlx.core as mx
import numpy as np

from core.quant import fourbit

_MAGNITUDES = np.array([0, 0.0625, 8, 12, 4, 6, 2, 3], dtype=np.float32) / np.float32(12)
TABLE = np.concatenate([_MAGNITUDES, 0 - _MAGNITUDES])  # 0 - x: no negative zero


def quantize(weight: mx.array) -> tuple[mx.array, mx.array]:
    """Pack a matrix of n weights: (codes uint8 [ceil(n / 2)], scales float32 [ceil(n / 64)]), evaluated."""
    return fourbit.quantize(weight, TABLE)


def dequantize(codes: mx.array, scales: mx.array, shape: tuple[int, ...], dtype: mx.Dtype) -> mx.array:
    """The matrix of `shape` in `dtype` from codes and scales; not evaluated."""
    return fourbit.dequantize(codes, scales, TABLE, shape, dtype)
