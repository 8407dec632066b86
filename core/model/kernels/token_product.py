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
_SHARED = 48 * 1024  # bytes that a group of threads may share
_PROCESSORS = 128  # of a large GPU, about
_LOADS = 28  # of eight numbers each that a thread waits for at once, as its registers allow
_TILES = (64, 48, 32, 24, 16, 8)  # columns of a group


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
    outer, inner = linear.weight.shape
    arrays = [array for array in (x, *linear, around.norm, around.residual) if isinstance(array, mx.array)]
    return (
        len(x) <= MOST_ROWS
        and len(linear.starts) <= 3
        and linear.weight.dtype in (mx.bfloat16, mx.float16)
        and all(array.dtype == linear.weight.dtype for array in arrays)
        and inner % 128 == 0
        and all(start % 8 == 0 for start in (*linear.starts, outer))
        and (not around.gated or linear.starts == (0, outer // 2))
        and linear.rank % 8 == 0
        and (linear.a is None or len(linear.a) == linear.rank * len(linear.starts))
        and bool(_shapes(len(x), linear, around))
    )


def token_product(x: mx.array, linear: JoinedLinear, around: Around) -> mx.array:
    """The outputs of all layers [N, out] from x [N, in], by the kernel; it has no gradient."""
    outer, inner = linear.weight.shape
    rows, tile = min(_shapes(len(x), linear, around))[1:]
    groups, narrow = outer // tile, linear.rank * (2 if around.gated else 1)
    loads = rows // 16 + (tile + narrow) // 8
    ahead = next(n for n in (4, 3, 2, 1) if inner // 128 % n == 0 and (n * loads <= _LOADS or n == 1))
    second, third = (*linear.starts[1:], outer, outer)[:2]
    constants = {
        "inner": inner, "outer": outer, "rows": rows, "tile": tile, "tiles": groups, "rank": linear.rank,
        "width": tile + narrow, "second": second, "third": third, "biased": int(linear.bias is not None),
        "normed": int(around.norm is not None), "eps": float(around.eps), "gated": int(around.gated),
        "added": int(around.residual is not None), "ahead": ahead,
    }  # fmt: skip
    given = linear.bias, linear.a, linear.b, around.norm, around.residual
    arrays = [linear.weight if array is None else array for array in given]
    threads = THREADS_PER_GROUP * groups * -(-len(x) // rows)
    shapes = [((len(x), outer // 2 if around.gated else outer), x.dtype)]
    y: mx.array = run("token_product", constants, [x, linear.weight, *arrays], threads, shapes)[0]
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


def _shapes(count: int, linear: JoinedLinear, around: Around) -> list[tuple[int, int, int]]:
    """(what a processor of the GPU reads, about, rows and columns of a group) for each shape that a group can have."""
    outer, shapes = len(linear.weight), []
    for rows in (32, 64) if count > 32 else (32,):
        for tile in _TILES:
            width = tile + linear.rank * (2 if around.gated else 1)
            groups = outer // tile * -(-count // rows)
            bytes_shared = 4 * (2 * rows * width + linear.rank * tile + 4 * rows + 1)
            fits = outer % tile == 0 and tile % 16 == 0 if around.gated else outer % tile == 0
            fits = fits and (around.gated or all(start % tile == 0 for start in linear.starts))
            if fits and bytes_shared <= _SHARED and width <= 96:
                shapes.append((-(-groups // _PROCESSORS) * (rows + width), rows, tile))
    return shapes
