"""The codec that NF4 and FP4 share: blocks of 64 weights, each weight a 4-bit index into a table of 16 numbers.

It follows bitsandbytes, which does the same on every device: blocks run over the flattened matrix, whatever its rows;
a block's scale is its largest magnitude, in float32; each weight takes the nearest number of the table; two codes
share a byte, the first in the high half. On a GPU whose division is not exactly rounded, a weight that lies within
one float32 step of the middle between two numbers may get the other one.
"""

import math

import mlx.core as mx
import numpy as np

from core.quant import kernels

BLOCK = 64
# bitsandbytes divides by this where the scale is zero; it also stores it as the scale of a last, incomplete block
# of zeros.
SMALLEST = float(np.float32(1e-38))
# Weights coded at a time: the intermediate values would otherwise take several times the memory of the matrix.
_TILE = 1 << 20


def quantize(weight: mx.array, table: np.ndarray) -> tuple[mx.array, mx.array]:
    """Pack a matrix of n weights with a table float32 [16] of values within -1…1.

    Returns (codes uint8 [ceil(n / 2)], scales float32 [ceil(n / 64)]), evaluated.
    """
    flat = weight.reshape(-1)
    codes, scales = [], []
    for start in range(0, flat.size, _TILE):
        unit, maxima = _normalize(flat[start : start + _TILE].astype(mx.float32))
        if unit.size % 2:
            unit = mx.pad(unit, (0, 1))  # the unused half byte holds the code of zero
        pairs = _nearest(unit, table).reshape(-1, 2)
        codes.append((pairs[:, 0] << 4) | pairs[:, 1])
        scales.append(maxima)
        mx.eval(codes[-1], maxima)
    packed = mx.concatenate(codes), mx.concatenate(scales)
    mx.eval(packed)
    return packed


def dequantize(
    codes: mx.array, scales: mx.array, table: np.ndarray, shape: tuple[int, ...], dtype: mx.Dtype
) -> mx.array:
    """The matrix of `shape`: table value times scale in float32, rounded once to `dtype`; not evaluated.

    codes uint8 [ceil(n / 2)], scales float32 [ceil(n / 64)], table float32 [16].
    """
    size = math.prod(shape)
    if not kernels.unavailable_reason():
        return kernels.unpack(codes, scales, table, dtype)[:size].reshape(shape)
    missing = scales.size * (BLOCK // 2) - codes.size
    if missing:  # fill up the last block
        codes = mx.pad(codes, (0, missing))
    # One look-up gives both weights of a byte: two float32 travel as one uint64, low address first.
    pairs = np.stack([np.repeat(table, 16), np.tile(table, 16)], axis=1).view(np.uint64).reshape(256)
    values = mx.array(pairs)[codes].view(mx.float32)
    values = values.reshape(-1, BLOCK) * scales[:, None]
    return values.reshape(-1)[:size].reshape(shape).astype(dtype)


def _normalize(x: mx.array) -> tuple[mx.array, mx.array]:
    """(weights divided by their block's scale, within -1…1 [n]; scales [ceil(n / 64)]) of float32 weights [n]."""
    complete = x.size - x.size % BLOCK
    unit, scales = [], []
    if complete:
        blocks = x[:complete].reshape(-1, BLOCK)
        maxima = mx.abs(blocks).max(axis=1)
        # Zero is tested for, not left to the arithmetic: GPUs take numbers as small as 1e-38 for zero.
        factor = mx.where(maxima > SMALLEST, 1.0 / maxima, float(np.float32(1) / np.float32(SMALLEST)))
        unit.append((blocks * factor[:, None]).reshape(-1))
        scales.append(maxima)
    if complete < x.size:
        # bitsandbytes divides here where it multiplies by the inverse above; the last bit shows the difference.
        last_block = x[complete:]
        maximum = mx.maximum(mx.abs(last_block).max(), SMALLEST)
        inverse = float(np.float32(1) / np.float32(SMALLEST))
        unit.append(mx.where(maximum > SMALLEST, last_block / maximum, last_block * inverse))
        scales.append(maximum[None])
    return mx.concatenate(unit), mx.concatenate(scales)


def _nearest(x: mx.array, table: np.ndarray) -> mx.array:
    """The index uint8 [n] of the table's number nearest to each of x [n]; halfway the lower number wins."""
    order = np.argsort(table, kind="stable")
    midpoints = (table[order][:-1] + table[order][1:]) / np.float32(2)
    # Walk up the sorted table: each midpoint below x leads from one index to the next, in arithmetic modulo 256. On a
    # CPU this is twice as fast as choosing with `where`, and several times as fast as a binary search by look-ups.
    steps = np.diff(order).astype(np.uint8)
    codes = mx.full(x.shape, int(order[0]), dtype=mx.uint8)
    for midpoint, step in zip(midpoints, steps, strict=True):
        is_above = x > float(midpoint)
        codes = codes + (is_above if step == 1 else is_above * mx.array(int(step), dtype=mx.uint8))
    return codes
