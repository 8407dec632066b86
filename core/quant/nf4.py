"""NF4: sixteen numbers spaced like the weights of a network (Dettmers et al., QLoRA, arXiv:2305.14314).

They are the quantiles of a normal distribution, so that each of the sixteen codes is used about equally often,
with an exact zero. The values are those of the paper's appendix E and of bitsandbytes.
"""

import mlx.core as mx
import numpy as np

from core.quant import fourbit

TABLE = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ],
    dtype=np.float32,
)


def quantize(weight: mx.array) -> tuple[mx.array, mx.array]:
    """Pack a matrix of n weights: (codes uint8 [ceil(n / 2)], scales float32 [ceil(n / 64)]), evaluated."""
    return fourbit.quantize(weight, TABLE)


def dequantize(codes: mx.array, scales: mx.array, shape: tuple[int, ...], dtype: mx.Dtype) -> mx.array:
    """The matrix of `shape` in `dtype` from codes and scales; not evaluated."""
    return fourbit.dequantize(codes, scales, TABLE, shape, dtype)
