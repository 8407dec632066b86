"""INT8: an integer from -127 to 127 for each weight, and one scale for each row of the matrix.

This is the vector-wise part of LLM.int8() (Dettmers et al., arXiv:2208.07339), with the codes and scales of
bitsandbytes. Two things are more exact than there: bitsandbytes' linear layer first rounds weights to float16 and
computes with 8-bit inputs, except for outliers; here the weights are packed as they are, and the product is taken
with the unpacked weights in the precision of the inputs.
"""

import functools
from collections.abc import Callable

import mlx.core as mx
import numpy as np

# bitsandbytes multiplies by this instead of dividing by 127.
STEP = float(np.float32(7.874015718698502e-3))
_TILE = 1 << 20  # weights coded at a time


def quantize(weight: mx.array) -> tuple[mx.array, mx.array]:
    """Pack a matrix [out, in]: (codes int8 [out, in], scales float32 [out], the largest magnitude of each row).

    Both are evaluated.
    """
    rows = max(1, _TILE // weight.shape[1])
    codes, scales = [], []
    for start in range(0, weight.shape[0], rows):
        tile = weight[start : start + rows].astype(mx.float32)
        maxima = mx.abs(tile).max(axis=1)
        # Two roundings, as PyTorch divides a number by a tensor.
        factor = mx.where(maxima > 0, 1.0 / maxima * 127.0, 0.0)
        codes.append(mx.round(tile * factor[:, None]).astype(mx.int8))  # halves are rounded to the even number
        scales.append(maxima)
        mx.eval(codes[-1], maxima)
    packed = mx.concatenate(codes), mx.concatenate(scales)
    mx.eval(packed)
    return packed


def dequantize(codes: mx.array, scales: mx.array, shape: tuple[int, ...], dtype: mx.Dtype) -> mx.array:
    """The matrix of `shape` in `dtype` from codes and scales; not evaluated."""
    return _compile_dequantize(dtype)(codes, scales).reshape(shape)


@functools.cache
def _compile_dequantize(dtype: mx.Dtype) -> Callable[[mx.array, mx.array], mx.array]:
    """The formula as a compiled function (where MLX compiles), so that a GPU holds no float32 matrix in between."""

    def dense(codes: mx.array, scales: mx.array) -> mx.array:
        return (codes.astype(mx.float32) * scales[:, None] * STEP).astype(dtype)

    compiled: Callable[[mx.array, mx.array], mx.array] = mx.compile(dense, shapeless=True)
    return compiled
