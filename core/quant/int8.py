"""INT8: a whole number from -127 to 127 for each weight, one scale for each row (the vector-wise part of
LLM.int8(), Dettmers et al., arXiv:2208.07339).

Codes and scales are bitsandbytes'. Two departures, both towards more exactness: bitsandbytes' linear layer first
rounds weights to float16 and also computes with 8-bit inputs, outliers aside; here the weights are packed as they
are, and the product is taken with the unpacked weights in the inputs' own precision.
"""

import functools
from collections.abc import Callable

import mlx.core as mx
import numpy as np

# bitsandbytes multiplies by this instead of dividing by 127.
STEP = float(np.float32(7.874015718698502e-3))
_TILE = 1 << 20  # weights coded at a time


def quantize(weight: mx.array) -> tuple[mx.array, mx.array]:
    """(codes int8 [out, in], scales float32 [out]) of a matrix [out, in], evaluated."""
    rows = max(1, _TILE // weight.shape[1])
    codes, scales = [], []
    for start in range(0, weight.shape[0], rows):
        tile = weight[start : start + rows].astype(mx.float32)
        top = mx.abs(tile).max(axis=1)
        factor = mx.where(top > 0, 1.0 / top * 127.0, 0.0)  # two roundings, as PyTorch divides a number by a tensor
        codes.append(mx.round(tile * factor[:, None]).astype(mx.int8))  # halves go to the even number
        scales.append(top)
        mx.eval(codes[-1], top)
    packed = mx.concatenate(codes), mx.concatenate(scales)
    mx.eval(packed)
    return packed


def dequantize(codes: mx.array, scales: mx.array, shape: tuple[int, ...], dtype: mx.Dtype) -> mx.array:
    """The matrix that codes and scales stand for."""
    return _dense(dtype)(codes, scales).reshape(shape)


@functools.cache
def _dense(dtype: mx.Dtype) -> Callable[[mx.array, mx.array], mx.array]:
    """Compiled (where MLX compiles), so that on a GPU no float32 matrix is made on the way."""

    def dense(codes: mx.array, scales: mx.array) -> mx.array:
        return (codes.astype(mx.float32) * scales[:, None] * STEP).astype(dtype)

    made: Callable[[mx.array, mx.array], mx.array] = mx.compile(dense, shapeless=True)
    return made
