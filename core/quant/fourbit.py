"""Blocks of 64 weights, each weight a 4-bit index into a table of 16 numbers: what NF4 and FP4 have in common.

As bitsandbytes does it on every device alike: blocks run over the flattened matrix, whatever its rows; a block's
scale is its largest magnitude, in float32; each weight takes the nearest number of the table; two codes share a
byte, the first in the high half. On a GPU whose division is not exactly rounded, a weight that lies within one
float32 step of the middle between two numbers may fall to the other side.
"""

import math

import mlx.core as mx
import numpy as np

from core.quant import kernels

BLOCK = 64
# What bitsandbytes puts in the place of zero before it divides; it also stores it as the scale of a last,
# incomplete block of zeros.
SMALLEST = float(np.float32(1e-38))
# Weights coded at a time: what is computed on the way would otherwise take several times the matrix itself.
_TILE = 1 << 20


def quantize(weight: mx.array, table: np.ndarray) -> tuple[mx.array, mx.array]:
    """(codes uint8 [ceil(n / 2)], scales float32 [ceil(n / 64)]) of a matrix of n weights, evaluated."""
    flat = weight.reshape(-1)
    codes, scales = [], []
    for start in range(0, flat.size, _TILE):
        unit, top = _scaled(flat[start : start + _TILE].astype(mx.float32))
        if unit.size % 2:
            unit = mx.pad(unit, (0, 1))  # the half byte left over holds the code of zero
        pairs = _nearest(unit, table).reshape(-1, 2)
        codes.append((pairs[:, 0] << 4) | pairs[:, 1])
        scales.append(top)
        mx.eval(codes[-1], top)
    packed = mx.concatenate(codes), mx.concatenate(scales)
    mx.eval(packed)
    return packed


def dequantize(
    codes: mx.array, scales: mx.array, table: np.ndarray, shape: tuple[int, ...], dtype: mx.Dtype
) -> mx.array:
    """The matrix that the codes stand for: table value times scale in float32, rounded once to `dtype`."""
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


def _scaled(x: mx.array) -> tuple[mx.array, mx.array]:
    """(weights within -1…1 [n], scales [ceil(n / 64)]) of a flat float32 piece."""
    whole = x.size - x.size % BLOCK
    unit, scales = [], []
    if whole:
        blocks = x[:whole].reshape(-1, BLOCK)
        top = mx.abs(blocks).max(axis=1)
        # Zero is asked for, not left to the arithmetic: GPUs take numbers as small as 1e-38 for zero.
        factor = mx.where(top > SMALLEST, 1.0 / top, float(np.float32(1) / np.float32(SMALLEST)))
        unit.append((blocks * factor[:, None]).reshape(-1))
        scales.append(top)
    if whole < x.size:
        # bitsandbytes divides here where it multiplies by the inverse above; the last bit shows it.
        rest = x[whole:]
        top = mx.maximum(mx.abs(rest).max(), SMALLEST)
        unit.append(mx.where(top > SMALLEST, rest / top, rest * float(np.float32(1) / np.float32(SMALLEST))))
        scales.append(top[None])
    return mx.concatenate(unit), mx.concatenate(scales)


def _nearest(x: mx.array, table: np.ndarray) -> mx.array:
    """The index uint8 [n] of the table's number nearest to each of x [n]; in the middle the lower number wins."""
    order = np.argsort(table, kind="stable")
    middles = (table[order][:-1] + table[order][1:]) / np.float32(2)
    # Walk up the sorted table: each middle passed leads from one index to the next, in arithmetic modulo 256. On a
    # CPU this is twice as fast as choosing with `where`, and several times as a binary search by look-ups.
    steps = np.diff(order).astype(np.uint8)
    code = mx.full(x.shape, int(order[0]), dtype=mx.uint8)
    for middle, step in zip(middles, steps, strict=True):
        passed = x > float(middle)
        code = code + (passed if step == 1 else passed * mx.array(int(step), dtype=mx.uint8))
    return code
