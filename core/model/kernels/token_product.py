"""A linear layer with its adapter for one token of each row, as one kernel: NVIDIA's GPUs only.

Handing work over takes longer than computing it where there are few rows: a layer with an adapter is three products of
MLX's, each of which costs several times what handing over a kernel does, and the norm before it, the gate or the sum
after it are pieces of their own. The kernel reads each weight once, multiplies on tensor cores and sums in float32;
the adapter's narrow numbers, and what a gate multiplies, are not rounded.
"""

from typing import NamedTuple

import mlx.core as mx

from core.device.gpu_kernel import THREADS_PER_GROUP
from core.model.kernels.run import run

MOST_ROWS = 256  # above, MLX's products are as quick
_SHARED = 99 * 1024  # bytes that a group of threads may share on GPUs of compute capability 8.6 and up
_PROCESSORS = 128  # of a large GPU, about
_WIDEST = 192  # columns with the adapter's that the registers of a thread have room for
_TILES = (96, 64, 48, 32, 24, 16, 8)  # columns of a group


class _Shape(NamedTuple):
    """What a group of threads computes."""

    cost: int  # what a processor of the GPU loads, about
    rows: int
    tile: int  # columns
    parts: int  # of each sum
    lines: int  # of x, the weight, the adapter and the norm
    stages: int  # steps of a sum in shared memory
    shared: int  # bytes


class JoinedLinear(NamedTuple):
    """Layers with the same input as one, and their adapters."""

    weight: mx.array  # [out, in], the layers' one below the other
    bias: mx.array | None  # [out]
    starts: tuple[int, ...]  # where the outputs of each layer begin
    a: mx.array | None = None  # [layers * rank, in]
    b: mx.array | None = None  # [layers * rank, out], zero where an adapter is not of that layer

    @property
    def rank(self) -> int:
        """Of each layer's adapter; 0 where there is none."""
        return 0 if self.a is None else len(self.a) // len(self.starts)


class Around(NamedTuple):
    """What comes before and after a linear layer."""

    norm: mx.array | None = None  # [in] the weight of an RMSNorm of its input
    eps: float = 0.0  # of that norm
    gated: bool = False  # silu of the first half of its outputs times the second half
    residual: mx.array | None = None  # [N, out] what is added then


def takes(x: mx.array, linear: JoinedLinear, around: Around) -> bool:
    """Whether the kernel can compute this; unavailable_reason() says whether it is there at all."""
    outer = len(linear.weight)
    arrays = [array for array in (x, *linear, around.norm, around.residual) if isinstance(array, mx.array)]
    return (
        len(x) <= MOST_ROWS
        and len(linear.starts) <= 3
        and linear.weight.dtype in (mx.bfloat16, mx.float16)
        and all(array.dtype == linear.weight.dtype for array in arrays)
        and all(start % 8 == 0 for start in (*linear.starts, outer))
        and (not around.gated or linear.starts == (0, outer // 2))
        and linear.rank % 8 == 0
        and (linear.a is None or len(linear.a) == linear.rank * len(linear.starts))
        and bool(_shapes(len(x), linear, around))
    )


def token_product(x: mx.array, linear: JoinedLinear, around: Around) -> mx.array:
    """The outputs of all layers [N, out] from x [N, in], by the kernel; it has no gradient."""
    outer, inner = linear.weight.shape
    shape = min(_shapes(len(x), linear, around))
    groups, narrow = outer // shape.tile, _narrow(linear, around)
    second, third = (*linear.starts[1:], outer, outer)[:2]
    constants = {
        "inner": inner, "outer": outer, "rows": shape.rows, "tile": shape.tile, "tiles": groups, "rank": linear.rank,
        "narrow": narrow, "width": shape.tile + narrow, "lines": shape.lines, "second": second, "third": third,
        "parts": shape.parts, "pieces": 4 * shape.parts, "copies": -(-shape.lines // (shape.rows // 2)),
        "steps": inner // (32 * shape.parts), "stages": shape.stages, "biased": int(linear.bias is not None),
        "normed": int(around.norm is not None), "eps": float(around.eps), "gated": int(around.gated),
        "added": int(around.residual is not None),
    }  # fmt: skip
    given = linear.bias, linear.a, linear.b, around.norm, around.residual
    arrays = [linear.weight if array is None else array for array in given]
    threads = THREADS_PER_GROUP * groups * -(-len(x) // shape.rows)
    shapes = [((len(x), outer // 2 if around.gated else outer), x.dtype)]
    y: mx.array = run("token_product", constants, [x, linear.weight, *arrays], threads, shapes, shape.shared)[0]
    return y


def plain_token_product(x: mx.array, linear: JoinedLinear, around: Around) -> mx.array:
    """The same in MLX's operations."""
    x = x if around.norm is None else mx.fast.rms_norm(x, around.norm, around.eps)
    y = x @ linear.weight.T
    if linear.bias is not None:
        y = y + linear.bias
    if linear.a is not None and linear.b is not None:
        y = y + (x @ linear.a.T) @ linear.b
    if around.gated:
        gate, up = mx.split(y, 2, axis=-1)
        y = gate * mx.sigmoid(gate) * up
    return y if around.residual is None else y + around.residual


def _narrow(linear: JoinedLinear, around: Around) -> int:
    """Rows of the adapters' A that a group of threads needs."""
    return linear.rank * (2 if around.gated else 1)


def _shapes(count: int, linear: JoinedLinear, around: Around) -> list[_Shape]:
    """The shapes that a group of threads can have, of 16 rows and eight parts of the sum or of 32 and four."""
    (outer, inner), narrow, shapes = linear.weight.shape, _narrow(linear, around), []
    for rows, parts in ((16, 8), (32, 4)):
        steps, rest = divmod(inner, 32 * parts)
        for tile in _TILES:
            width = tile + narrow
            lines = rows + width + (around.norm is not None)
            step_bytes, factors = lines * 64 * parts, 2 * narrow * tile
            stages = max(2, min(steps, (_SHARED - factors) // step_bytes))
            shared = stages * step_bytes + factors
            even = tile % 16 == 0 if around.gated else all(start % tile == 0 for start in linear.starts)
            if rest or outer % tile or not even or width > _WIDEST or shared > _SHARED:
                continue
            waves = -(-(outer // tile * -(-count // rows)) // _PROCESSORS)
            cost = waves * (rows + width + rows // 16 * (16 + width))
            shapes.append(_Shape(cost, rows, tile, parts, lines, stages, shared))
    return shapes
