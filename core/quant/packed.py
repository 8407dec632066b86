"""A weight matrix in packed form: quantize() makes it, dequantize() gives back the matrix."""

from typing import NamedTuple

import mlx.core as mx

from core.errors import BadModel
from core.quant import double as nesting
from core.quant import fp4, int8, kernels, nf4
from core.quant.double import NestedScales
from core.quant.modes import Mode, find_mode
from core.text.sentence import say

_CODECS = {"nf4": nf4, "fp4": fp4, "int8": int8}
# Rows up to which a product straight from the codes beats unpacking and a dense product. Measured on an H100 for
# 4096 x 4096 and 11008 x 4096 in bfloat16: 4 bit in 0.025 ms against 0.062 at one row, level at five to six; 8 bit
# level with it at eight.
_KERNEL_ROWS = {"nf4": 4, "fp4": 4, "int8": kernels.MAX_ROWS}
_TILE = 1 << 20  # weights packed at a time


class NotPacked(BadModel):
    """A weight that cannot be packed, and the reason, to follow upon a colon."""

    def __init__(self, mode: str, reason: str) -> None:
        super().__init__(say("A weight cannot be packed as {mode}: {reason}.", mode=mode, reason=reason))
        self.reason = reason


class Packed(NamedTuple):
    """A matrix of n = out × in weights in one of core.quant.MODES."""

    mode: str
    shape: tuple[int, int]  # [out, in]
    codes: mx.array  # nf4, fp4: uint8 [ceil(n / 2)]; int8: int8 [out, in]; MLX's own: uint32 [out, in × bits / 32]
    scales: mx.array  # nf4, fp4: float32 [ceil(n / 64)], or their uint8 codes with `nested`; int8: float32 [out]
    biases: mx.array | None = None  # MLX's affine modes only
    nested: NestedScales | None = None  # with double quantization only

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(a.nbytes for a in (self.codes, self.scales, self.biases, *(self.nested or ())) if a is not None)


def quantize(weight: mx.array, mode: str, *, double: bool = False) -> Packed:
    """Pack a matrix [out, in] of float32, float16 or bfloat16.

    `mode` is a name in core.quant.MODES; `double` packs the scales of nf4 and fp4 too. The result is evaluated.
    Raises BadOption for an unknown mode, or `double` where the mode has no such thing, and BadModel for a shape that
    the mode cannot hold, or weights that are not finite.
    """
    info = find_mode(mode, double)
    shape = tuple(weight.shape)
    reason = misfit_reason(shape, mode)
    if reason:
        raise NotPacked(mode, reason)
    if info.mlx:
        return Packed(mode, shape, *_quantize_mlx(weight, info))
    codes, scales = _CODECS[mode].quantize(weight)
    if not mx.isfinite(scales).all().item():
        raise NotPacked(mode, say("it holds numbers that are not finite (inf or nan)"))
    if not double:
        return Packed(mode, shape, codes, scales)
    scale_codes, nested = nesting.quantize(scales)
    return Packed(mode, shape, codes, scale_codes, nested=nested)


def dequantize(packed: Packed, dtype: mx.Dtype = mx.float32) -> mx.array:
    """The matrix [out, in] of a Packed, in `dtype`; not evaluated."""
    info = find_mode(packed.mode)
    if info.mlx:
        weight = mx.dequantize(
            packed.codes, packed.scales, packed.biases, info.block, info.bits, mode=info.mlx, dtype=dtype
        )
        return weight.reshape(packed.shape)
    return _CODECS[packed.mode].dequantize(packed.codes, _dense_scales(packed), packed.shape, dtype)


def multiply(x: mx.array, packed: Packed) -> mx.array | None:
    """x [..., in] times the transpose of a packed matrix, straight from its codes, in x's precision: [..., out].

    Sums are float32, and no weight is rounded to 16 bit in between. None where no kernel can do it: on a CPU,
    for many rows, for MLX's own formats. It has no gradient.
    """
    max_rows = _KERNEL_ROWS.get(packed.mode, 0)
    inputs = packed.shape[1]
    if x.size > max_rows * inputs or inputs % kernels.WIDTH_MULTIPLE or kernels.unavailable_reason():
        return None
    if packed.mode == "int8":
        return kernels.multiply(x, packed.codes, packed.scales * int8.STEP, packed.shape[0], None)
    return kernels.multiply(x, packed.codes, _dense_scales(packed), packed.shape[0], _CODECS[packed.mode].TABLE)


def _dense_scales(packed: Packed) -> mx.array:
    """The scales as float32 numbers, unpacked where they are codes."""
    return packed.scales if packed.nested is None else nesting.dequantize(packed.scales, packed.nested)


def _quantize_mlx(weight: mx.array, info: Mode) -> list[mx.array]:
    """[codes, scales] or [codes, scales, biases] of one of MLX's own formats, evaluated.

    Rows are packed independently, so some at a time: on a CPU MLX takes up to 70 bytes a weight while packing.
    """
    rows = max(1, _TILE // weight.shape[1])
    parts = []
    for start in range(0, weight.shape[0], rows):
        part = mx.quantize(weight[start : start + rows], info.block, info.bits, mode=info.mlx)
        mx.eval(part)
        parts.append(part)
    arrays = [mx.concatenate(pieces) for pieces in zip(*parts, strict=True)]
    mx.eval(arrays)
    return arrays


def misfit_reason(shape: tuple[int, ...], mode: str) -> str:
    """Why a weight of this shape cannot be packed in a mode; "" where it can."""
    info = find_mode(mode)
    if len(shape) != 2:
        return say("it is no matrix, but has {count} dimensions", count=len(shape))
    if info.mlx and shape[1] % info.block:
        return say(
            "{mode} packs rows in groups of {block}, and {shape} inputs are no multiple of that",
            mode=mode,
            block=info.block,
            shape=shape[1],
        )
    return ""
