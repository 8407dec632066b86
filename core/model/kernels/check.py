"""Do the kernels of a block work on this GPU? Tested once, against MLX's own operations, before they are used."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

from core.device.gpu_kernel import language
from core.text.sentence import say

# Relative differences that rounding explains. A GPU is tested in bfloat16: what is built for it is used then, mostly.
TOLERANCE = {mx.float32: 1e-4, mx.bfloat16: 2e-2, mx.float16: 4e-3}
PARTS = ("norms", "SwiGLU", "heads")  # of a block in training
SAMPLING_PARTS = ("sampling of a token",)  # what writing a token has besides
TOKEN_PARTS = ("attention of a token",)  # and where CUDA is, for numbers of 16 bit
PRODUCT_PARTS = ("products of a token",)
Product = tuple[int, tuple[int, ...], int, bool]  # rows, where layers begin, their adapters' rank, whether gated
PRODUCTS: tuple[Product, ...] = ((1, (0,), 0, False), (130, (0, 256, 320), 16, False), (64, (0, 192), 16, True))


def unavailable_reason(parts: tuple[str, ...] = PARTS) -> str:
    """Why this thread's device cannot use the kernels; "" where it can. The first call on a GPU tests them."""
    if mx.default_device().type == mx.cpu:
        return say("the kernels are for a GPU")
    if parts in (TOKEN_PARTS, PRODUCT_PARTS) and language() != "cuda":
        return say("the kernels for a token are for NVIDIA's GPUs")
    return _test_kernels(parts)


@functools.cache
def _test_kernels(parts: tuple[str, ...]) -> str:
    """What is wrong with the kernels on this GPU; "" for nothing."""
    try:
        errors = differences(mx.bfloat16, parts)
        wrong = [name for name, error in errors.items() if not error <= TOLERANCE[mx.bfloat16]]
    except (RuntimeError, ValueError) as error:  # MLX raises these where a kernel does not compile or start
        return say("they do not run on this GPU ({reason})", reason=error)
    return say("they give wrong numbers on this GPU ({wrong})", wrong=", ".join(wrong)) if wrong else ""


def differences(dtype: mx.Dtype, parts: Sequence[str]) -> dict[str, float]:
    """How far the kernel of each part is from MLX's operations in float32: PARTS, TOKEN_PARTS, "heads without norms".

    It is the largest difference of its outputs and gradients, relative to the largest number.
    """
    from core.model.kernels import pieces  # which asks here whether it may use them

    key = mx.random.key(7)
    keys = iter(mx.random.split(key, 64))

    def normal(*shape: int) -> mx.array:
        return mx.random.normal(shape, key=next(keys)).astype(dtype)

    weight, angles = 1 + 0.1 * normal(128), mx.arange(5)[:, None] * mx.exp(-0.1 * mx.arange(64))
    rotation = pieces.Rotation(mx.cos(angles), mx.sin(angles))
    normed, bare = pieces.Heads(3, 1, 128, weight, 1 - 0.1 * weight, 1e-6), pieces.Heads(3, 1, 128)

    def plain_add_norm(x: mx.array, r: mx.array) -> Any:
        w = weight.astype(x.dtype)
        return x + r, mx.fast.rms_norm(x + r, w, 1e-6)

    def plain_swiglu(x: mx.array) -> Any:
        gate, up = mx.split(x, 2, axis=-1)
        return [gate * mx.sigmoid(gate) * up]

    def plain_heads(heads: pieces.Heads) -> Callable[[mx.array], Any]:
        norms = [None if norm is None else norm.astype(mx.float32) for norm in (heads.q_norm, heads.k_norm)]
        as_float = heads._replace(q_norm=norms[0], k_norm=norms[1])
        return lambda x: pieces.plain_rotate_heads(x, as_float, rotation)

    x, r, gate_up, qkv = normal(10, 128), normal(10, 128), normal(10, 256), normal(10, 640)
    cases: dict[str, Callable[[], float]] = {
        "norms": lambda: _difference(lambda x, r: pieces.kernel_add_norm(x, r, weight, 1e-6), plain_add_norm, [x, r]),
        "SwiGLU": lambda: _difference(lambda x: [pieces.kernel_swiglu(x)], plain_swiglu, [gate_up]),
        "heads": lambda: _difference(
            lambda x: pieces.kernel_rotate_heads(x, normed, rotation), plain_heads(normed), [qkv]
        ),
        say("heads without norms"): lambda: _difference(
            lambda x: pieces.kernel_rotate_heads(x, bare, rotation), plain_heads(bare), [qkv]
        ),
        "attention of a token": lambda: _token_difference(normal),
        "sampling of a token": lambda: _sampling_difference(normal),
        "products of a token": lambda: _product_difference(normal),
    }
    return {name: cases[name]() for name in parts}


def _token_difference(normal: Callable[..., mx.array]) -> float:
    """The same for the attention of one token, which has no gradient; rows begin at their own places."""
    from core.model.kernels.pieces import Heads, Rotation
    from core.model.kernels.token_attention import Past, kernel_attend_token, plain_attend_token

    keys, recent = normal(4, 3, 90, 128), normal(4, 3, 8, 128)
    start, place = mx.array([0, 3, 39, 80]), mx.array([80, 5])
    past = Past(keys, keys[:, ::-1], recent, recent[:, ::-1], start, place)
    exact = tree_map(_as_float, past)._replace(start=start, place=place)
    angles, weight = mx.arange(4)[:, None] * mx.exp(-0.1 * mx.arange(64)), 1 + 0.1 * normal(128)
    qkv, rotation = normal(4, 12 * 128), Rotation(mx.cos(angles), mx.sin(angles))
    heads = Heads(6, 3, 128, weight, 1 - 0.1 * weight, 1e-6)
    y, after = kernel_attend_token(qkv, heads, rotation, past, 0.1)
    expected, kept = plain_attend_token(_as_float(qkv), tree_map(_as_float, heads), rotation, exact, 0.1)
    there = [array[:, :, :6] for array in (after.recent_keys, after.recent_values)]
    pairs = zip((y, *there), (expected, kept.recent_keys[:, :, :6], kept.recent_values[:, :, :6]), strict=True)
    errors = [mx.abs(a.astype(mx.float32) - b).max() / mx.abs(b).max() for a, b in pairs]
    return float(mx.max(mx.stack(errors)).item())


def _sampling_difference(normal: Callable[..., mx.array]) -> float:
    """The same for sampled tokens: of their log-probabilities, of entropies, and how far outside a token's share of the
    probability the number of its row lies, which is what rounding a sum can do."""
    from core.model.kernels.token_sample import kernel_sample_token

    logits = 3 * normal(500, 5000)
    uniform = (mx.arange(len(logits)) + 0.5) / len(logits)
    logps = nn.log_softmax(_as_float(logits) / 0.7)
    tokens, own, entropies = kernel_sample_token(logits, uniform, 0.7)
    places = tokens.astype(mx.int32)[:, None]
    expected = mx.take_along_axis(logps, places, axis=1)[:, 0]
    end = mx.take_along_axis(mx.cumsum(mx.exp(logps), axis=1), places, axis=1)[:, 0]
    outside = mx.maximum(end - mx.exp(expected) - uniform, uniform - end)
    pairs = (own, expected), (entropies, -(mx.exp(logps) * logps).sum(axis=1))
    errors = [mx.abs(a - b).max() / mx.abs(b).max() for a, b in pairs]
    return float(mx.max(mx.stack([*errors, outside.max()])).item())


def _product_difference(normal: Callable[..., mx.array], cases: Sequence[Product] = PRODUCTS) -> float:
    """The same for the linear layers of one token: one, two and three as one, with adapters and without, what comes
    before and after them, few and many rows."""
    from core.model.kernels.token_product import Around, JoinedLinear, plain_token_product, token_product

    errors, scale = [], 1 + 0.1 * normal(256)
    for rows, starts, rank, gated in cases:
        weight, bias, x = normal(384, 256), normal(384) if rank else None, normal(rows, 256)
        ranks = mx.arange(rank * len(starts))[:, None] // max(rank, 1)
        layer = sum(((mx.arange(384) >= start).astype(mx.int32) for start in starts[1:]), mx.zeros(384, mx.int32))
        adapter = (0.1 * normal(len(ranks), 256), mx.where(ranks == layer, normal(len(ranks), 384), 0)) if rank else ()
        linear = JoinedLinear(weight, bias, starts, *adapter)
        around = Around(scale, 1e-6, True) if gated else Around(residual=normal(rows, 384))
        y = token_product(x, linear, around)
        expected = plain_token_product(*tree_map(_as_float, (x, linear, around)))
        errors.append(mx.abs(y.astype(mx.float32) - expected).max() / mx.abs(expected).max())
    return float(mx.max(mx.stack(errors)).item())


def _as_float(value: Any) -> Any:
    return value.astype(mx.float32) if isinstance(value, mx.array) else value


def _difference(
    function: Callable[..., Sequence[mx.array]], plain: Callable[..., Sequence[mx.array]], inputs: list[mx.array]
) -> float:
    """The largest relative difference of the outputs and gradients of two functions, the second in float32."""
    exact = [x.astype(mx.float32) for x in inputs]
    keys = mx.random.split(mx.random.key(1), 3)
    cotangents = [mx.random.normal(y.shape, key=k) for y, k in zip(plain(*exact), keys, strict=False)]
    rounded = [c.astype(inputs[0].dtype) for c in cotangents]
    outputs, gradients = mx.vjp(lambda *x: list(function(*x)), inputs, rounded)
    expected = mx.vjp(lambda *x: list(plain(*x)), exact, [c.astype(mx.float32) for c in rounded])
    errors = [
        mx.abs(y.astype(mx.float32) - target).max() / mx.abs(target).max()
        for y, target in zip([*outputs, *gradients], [*expected[0], *expected[1]], strict=True)
    ]
    return float(mx.max(mx.stack(errors)).item())
