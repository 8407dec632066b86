"""Times the pieces of a block: every product in each of its forms, every elementwise piece, and one block as a whole.

Each piece is repeated so that one waits for the one before, all in one evaluation: microseconds a piece, and those that
the processor needs to hand it over, which is the longer one where a GPU waits for it.
"""

import statistics
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

from core.model.kernels.pieces import kernel_add_norm, kernel_swiglu
from tests.benchmarks.variants import plain
from tests.benchmarks.variants.choices import Pieces
from tests.benchmarks.variants.model import (
    GROUPS,
    RANK,
    Shape,
    block_forward,
    factors,
    make_adapters,
    make_shape,
    make_weights,
)

REPEAT, ROUNDS = 40, 5


def piece(name: str, function: Callable[..., Any], *arrays: mx.array, repeat: int = REPEAT) -> None:
    """Print the line of one piece; all its outputs are computed."""
    try:
        compiled = mx.compile(function)
        seconds, submitted = [], []
        for _ in range(ROUNDS):
            first, last = arrays[0], None
            start = time.perf_counter()
            for _ in range(repeat):
                x = first if last is None else mx.depends([first], last)[0]
                outputs = compiled(x, *arrays[1:])
                last = [value for _, value in tree_flatten([outputs])]
            mx.async_eval(last)
            submitted.append(time.perf_counter() - start)
            mx.synchronize()
            seconds.append(time.perf_counter() - start)
        took, handed = (1e6 * statistics.median(values[1:]) / repeat for values in (seconds, submitted))
        print(f"piece {name}: {took:.1f} us, handed over in {handed:.1f}", flush=True)
    except Exception:  # the others are still wanted
        print(f"piece {name}: FAILED\n{traceback.format_exc()}", flush=True)


def vjp(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The gradients of the first `count` arguments, from cotangents that follow them."""

    def gradients(*arrays: mx.array) -> Sequence[mx.array]:
        return mx.vjp(function, list(arrays[:count]), list(arrays[count:]))[1]

    return gradients


def measure_pieces(config: dict[str, Any], rows: int, length: int) -> None:
    """Print the lines of all pieces."""
    shape, dtype = make_shape(config, length), mx.bfloat16
    n = rows * length

    def normal(*size: int) -> mx.array:
        x = mx.random.normal(size).astype(dtype)
        mx.eval(x)
        return x

    tiny = normal(8)
    piece("nothing but an addition of 8 numbers", lambda x: x + x, tiny)
    elementwise(shape, n, normal)
    attention(shape, rows, normal)
    blocks(shape, dtype, n, normal)
    for group in GROUPS:
        inputs, outputs = shape.sizes(group)
        products(group, n, inputs, sum(outputs), RANK * len(outputs), normal)
    inputs, outputs = shape.sizes("qkv")
    products("q alone", n, inputs, outputs[0], RANK, normal)


def products(name: str, n: int, inputs: int, outputs: int, rank: int, normal: Callable[..., mx.array]) -> None:
    """The products of one linear layer with its adapter, [n, inputs] to [n, outputs]."""
    x, y, w = normal(n, inputs), normal(n, outputs), normal(outputs, inputs)
    a, b, narrow = normal(inputs, rank), normal(rank, outputs), normal(n, rank)
    title = f"{name}, {inputs} to {outputs}, rank {rank}"
    piece(f"{title}: x W", lambda x, w: x @ w.T, x, w)
    piece(f"{title}: dy W", lambda y, w: y @ w, y, w)
    piece(f"{title}: x A", lambda x, a: x @ a, x, a)
    piece(f"{title}: A x as a transpose", lambda x, a: a.T @ x.T, x, a)
    piece(f"{title}: dy B", lambda y, b: y @ b.T, y, b)
    piece(f"{title}: += narrow B", lambda y, z, b: mx.addmm(y, z, b), y, narrow, b)
    piece(f"{title}: += narrow A", lambda x, z, a: mx.addmm(x, z, a.T), x, narrow, a)
    for split in (1, 4, 16, 32):
        if n % split == 0:
            piece(f"{title}: dA, rows in {split}", lambda x, z, s=split: in_parts(x, z, s), x, narrow)
            piece(f"{title}: dA as a transpose, rows in {split}", lambda x, z, s=split: in_parts(z, x, s), x, narrow)
            piece(f"{title}: dB, rows in {split}", lambda y, z, s=split: in_parts(z, y, s), y, narrow)


def in_parts(p: mx.array, q: mx.array, split: int) -> mx.array:
    """pᵀ q for p [N, m] and q [N, k], the rows summed in parts."""
    if split == 1:
        return p.T @ q
    parts = [z.reshape(split, -1, z.shape[1]) for z in (p, q)]
    return (parts[0].swapaxes(1, 2) @ parts[1]).sum(axis=0)


def elementwise(shape: Shape, n: int, normal: Callable[..., mx.array]) -> None:
    """Norms, the gated activation, rotation: MLX's and ours."""
    heads, d, f = shape.heads, shape.width, shape.inner
    x, r, w = normal(n, d), normal(n, d), normal(d)
    piece("add", lambda x, r: x + r, x, r)
    piece("rms_norm", lambda x, w: mx.fast.rms_norm(x, w, 1e-6), x, w)
    piece("rms_norm, gradient", lambda x, r, w: vjp(lambda x: [mx.fast.rms_norm(x, w, 1e-6)], 1)(x, r), x, r, w)
    for name, function in (("plain", plain.add_norm), ("kernel", kernel_add_norm)):
        piece(f"add_norm, {name}", lambda x, r, w, g=function: g(x, r, w, 1e-6), x, r, w)
        both = lambda x, r, c, g, w, h=function: vjp(lambda x, r: h(x, r, w, 1e-6), 2)(x, r, c, g)  # noqa: E731
        piece(f"add_norm, {name}, forward and gradient", both, x, r, x, r, w)
    gate_up, y = normal(n, 2 * f), normal(n, f)
    for name, swiglu in (("plain", plain.swiglu), ("kernel", kernel_swiglu)):
        piece(f"swiglu, {name}", swiglu, gate_up)
        piece(f"swiglu, {name}, gradient", vjp(lambda z, g=swiglu: [g(z)], 1), gate_up, y)
    qkv = normal(n, (heads.query + 2 * heads.key) * heads.dim)
    q_norm, k_norm = normal(heads.dim), normal(heads.dim)
    grads = [normal(n, count, heads.dim) for count in (heads.query, heads.key, heads.key)]
    for name, rotate in (("plain", plain.plain_qkv), ("kernel", plain.kernel_qkv)):
        piece(f"qk_rope, {name}", lambda z, q, k, g=rotate: g(z, q, k, heads), qkv, q_norm, k_norm)
        back = lambda z, a, b, c, q, k, g=rotate: vjp(lambda z: list(g(z, q, k, heads)), 1)(z, a, b, c)  # noqa: E731
        piece(f"qk_rope, {name}, forward and gradient", back, qkv, *grads, q_norm, k_norm)


def attention(shape: Shape, rows: int, normal: Callable[..., mx.array]) -> None:
    heads, length = shape.heads, shape.heads.cosine.shape[0]
    q, k, v = (normal(rows, length, n, heads.dim).swapaxes(1, 2) for n in (heads.query, heads.key, heads.key))

    def attend(q: mx.array, k: mx.array, v: mx.array) -> list[mx.array]:
        return [mx.fast.scaled_dot_product_attention(q, k, v, scale=heads.dim**-0.5, mask="causal")]

    piece("attention", attend, q, k, v)
    piece("attention, forward and gradient", vjp(attend, 3), q, k, v, normal(*q.shape))


def blocks(shape: Shape, dtype: mx.Dtype, n: int, normal: Callable[..., mx.array]) -> None:
    """One block, forward, and forward and back."""
    small = shape._replace(layers=1, vocabulary=8)
    w = make_weights(small, dtype)["blocks"][0]
    f = factors(small, make_adapters(small), dtype)[0]
    mx.eval(f)
    h, r, g = normal(n, shape.width), normal(n, shape.width), normal(n, shape.width)
    names = list(f)
    for kernels in (False, True):
        for lora in (False, True):
            pieces = Pieces(kernels, kernels, kernels, lora=lora)
            title = f"block, {'kernels' if kernels else 'plain'}, {'with' if lora else 'without'} adapters"

            def forward(h: mx.array, r: mx.array, *values: mx.array, p: Pieces = pieces) -> list[mx.array]:
                return list(block_forward(shape, w, dict(zip(names, values, strict=True)), h, r, p))

            def back(h: mx.array, r: mx.array, g: mx.array, *values: mx.array, run: Any = forward) -> Any:
                return vjp(run, 2 + len(names))(h, r, *values, g, g)

            piece(title, forward, h, r, *f.values(), repeat=10)
            piece(f"{title}, forward and back", back, h, r, g, *f.values(), repeat=10)
