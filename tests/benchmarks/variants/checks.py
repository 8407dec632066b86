"""Each candidate kernel beside MLX's own operations: values and gradients, in float32 and bfloat16."""

import traceback
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from core.model.kernels.pieces import kernel_add_norm, kernel_swiglu
from tests.benchmarks.variants import model, plain
from tests.benchmarks.variants.choices import Pieces

ALLOWED = 1e-4  # of the largest number, in float32


def difference(found: Sequence[mx.array], expected: Sequence[mx.array]) -> float:
    """The largest difference in any of the arrays, as a share of its largest number."""
    pairs = [(a.astype(mx.float32), b.astype(mx.float32)) for a, b in zip(found, expected, strict=True)]
    return max(float(mx.abs(a - b).max() / mx.abs(b).max()) for a, b in pairs)


def compare(name: str, kernel: Any, usual: Any, arrays: list[mx.array], cotangents: list[mx.array]) -> None:
    """Print how far both are from each other in float32, and from float32 in bfloat16; or the error's whole text."""
    try:
        expected, expected_gradients = mx.vjp(usual, arrays, cotangents)
        values, gradients = mx.vjp(kernel, arrays, cotangents)
        errors = difference(values, expected), difference(gradients, expected_gradients)
        halves = [[x.astype(mx.bfloat16) for x in group] for group in (arrays, cotangents)]
        rounded: list[str] = []
        for function in (kernel, usual):
            values, gradients = mx.vjp(function, *halves)
            rounded.append(f"{difference(values, expected):.1e} {difference(gradients, expected_gradients):.1e}")
        verdict = "right" if max(errors) < ALLOWED else "WRONG"
        print(
            f"check {name}: {verdict}; float32 {errors[0]:.1e}, gradient {errors[1]:.1e}; bfloat16 from float32: "
            f"kernel {rounded[0]}, plain {rounded[1]}",
            flush=True,
        )
    except Exception:  # whatever it is, the whole text is what this is for
        print(f"check {name}: FAILED\n{traceback.format_exc()}", flush=True)


def check_kernels() -> None:
    """Check every kernel, each by itself."""
    mx.random.seed(3)
    n, d, f = 96, 1024, 512

    def normal(*size: int) -> mx.array:
        return mx.random.normal(size)

    weight = 1 + 0.1 * normal(d)

    def norms(function: Any) -> Callable[..., Any]:
        return lambda x, r: function(x, r, weight.astype(x.dtype), 1e-6)

    pair = [normal(n, d), normal(n, d)], [normal(n, d), normal(n, d)]
    compare("add_norm", norms(kernel_add_norm), norms(plain.add_norm), *pair)
    compare(
        "swiglu",
        lambda x: [kernel_swiglu(x)],
        lambda x: [plain.swiglu(x)],
        [normal(n, 2 * f)],
        [normal(n, f)],
    )
    for dim in (64, 128):
        heads = plain.make_heads(4, 2, dim, 1e-6, 1e6, 32)
        weights = 1 + 0.1 * normal(dim), 1 + 0.1 * normal(dim)

        def qkv(function: Any, heads: Any = heads, weights: Any = weights) -> Callable[..., Any]:
            return lambda x: list(function(x, *(w.astype(x.dtype) for w in weights), heads))

        cotangents = [normal(n, count, dim) for count in (4, 2, 2)]
        compare(
            f"qk_rope, heads of {dim}", qkv(plain.kernel_qkv), qkv(plain.plain_qkv), [normal(n, 8 * dim)], cotangents
        )
    a, b, w = 0.1 * normal(d, 32), normal(32, f), 0.1 * normal(f, d)
    for pieces in (Pieces(), Pieces(split=8), Pieces(transposed=True)):
        compare(
            f"lora_linear, split {pieces.split}, transposed {pieces.transposed}",
            lambda x, a, b, p=pieces: [model.lora_linear(x, w.astype(x.dtype), a, b, p)],
            lambda x, a, b: [x @ w.astype(x.dtype).T + x @ a @ b],
            [normal(n, d), a, b],
            [normal(n, f)],
        )
