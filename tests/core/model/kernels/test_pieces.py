"""The pieces of a block: what they compute, by kernels where there is a GPU."""

import re
from typing import Any

import mlx.core as mx
import pytest

from core.model.kernels import check, pieces, token_attention
from core.model.kernels.run import CUDA_ONLY, KERNELS, source

gpu = pytest.mark.skipif(not (mx.metal.is_available() or mx.cuda.is_available()), reason="needs a GPU")


@pytest.fixture
def on_gpu() -> Any:
    device = mx.default_device()
    mx.set_default_device(mx.gpu)
    yield
    mx.set_default_device(device)


def test_a_cpu_keeps_the_plain_operations() -> None:
    mx.set_default_device(mx.cpu)
    assert "GPU" in check.unavailable_reason()
    x, r, weight = mx.random.normal((3, 128)), mx.random.normal((3, 128)), mx.random.normal((128,))
    h, y = pieces.add_norm(x, r, weight, 1e-6)
    expected = (x + r) * mx.rsqrt(mx.square(x + r).mean(-1, keepdims=True) + 1e-6) * weight
    assert mx.array_equal(h, x + r).item() and mx.allclose(y, expected, atol=1e-5).item()


def test_heads_are_normed_and_rotated_as_by_mlx() -> None:
    mx.set_default_device(mx.cpu)
    qkv, weight = mx.random.normal((2 * 5, 4 * 64)), 1 + mx.random.normal((64,))
    angles = mx.arange(5)[:, None] * mx.exp(-mx.arange(32) * (mx.log(mx.array(10000.0)) / 32))
    rotation = pieces.Rotation(mx.cos(angles), mx.sin(angles))
    q, k, v = pieces.rotate_heads(qkv, pieces.Heads(2, 1, 64, weight, 2 * weight, 1e-6), rotation)

    def rotated(x: mx.array, w: mx.array) -> mx.array:
        x = mx.fast.rms_norm(x.reshape(2, 5, -1, 64), w, 1e-6).swapaxes(1, 2)
        x = mx.fast.rope(x, 64, traditional=False, base=10000.0, scale=1.0, offset=0)
        return x.swapaxes(1, 2).reshape(10, -1, 64)

    assert mx.allclose(q, rotated(qkv[:, :128], weight), atol=1e-5).item()
    assert mx.allclose(k, rotated(qkv[:, 128:192], 2 * weight), atol=1e-5).item()
    assert mx.array_equal(v[:, 0], qkv[:, 192:]).item()


@pytest.mark.parametrize("name", KERNELS)
def test_the_texts_are_complete_for_both_kinds_of_gpu(name: str) -> None:
    constants = "q_heads k_heads qk_heads all_heads dim half per eps normed queries scale recent warps wide inner outer"
    constants += " rows tile tiles rank width second third biased gated added parts pieces copies steps stages lines"
    constants += " narrow chunk chunks"
    values = tuple((constant, 1) for constant in constants.split())
    cuda, metal = source(name, "cuda", values), source(name, "metal", values)
    if name in CUDA_ONLY:
        assert "$" not in cuda and cuda.count("{") == cuda.count("}")
        return
    assert "$" not in cuda + metal and "device" not in cuda and "blockIdx" not in metal
    assert cuda.count("{") == cuda.count("}")
    assert len(re.findall(r"const device Pack", metal)) == len(re.findall(r"const  Pack", cuda)) > 0


def test_a_token_attends_to_its_row_from_its_start_and_joins_the_recent_ones() -> None:
    mx.set_default_device(mx.cpu)
    qkv, angles = mx.random.normal((2, 8 * 32)), mx.arange(2)[:, None] * mx.exp(-mx.arange(16) / 3)
    weight, rotation = 1 + mx.random.normal((32,)), pieces.Rotation(mx.cos(angles), mx.sin(angles))
    heads = pieces.Heads(4, 2, 32, weight, 2 * weight, 1e-6)
    q, k, v = pieces.rotate_heads(qkv, heads, rotation)
    arrays = [mx.random.normal((2, 2, length, 32)) for length in (9, 9, 4, 4)]
    past = token_attention.Past(*arrays, mx.array([0, 3]), mx.array([6, 2]))
    found, after = token_attention.attend_token(qkv, heads, rotation, past, 0.3)
    assert (
        mx.array_equal(after.recent_keys[:, :, 2], k).item() and mx.array_equal(after.recent_values[:, :, 2], v).item()
    )
    for row, start in enumerate((0, 3)):
        for head in range(4):
            keys, values = (
                mx.concatenate([old[row, head // 2, start:6], recent[row, head // 2, :3]])
                for old, recent in ((past.keys, after.recent_keys), (past.values, after.recent_values))
            )
            expected = mx.softmax(0.3 * (keys @ q[row, head])) @ values
            assert mx.allclose(found[row, 32 * head : 32 * head + 32], expected, atol=1e-5).item()


@pytest.mark.parametrize(
    ("size", "dtype", "taken"),
    [(64, mx.bfloat16, True), (256, mx.float16, True), (128, mx.float32, False), (32, mx.bfloat16, False)],
)
def test_the_kernel_looks_in_keys_of_16_bit_and_three_sizes(size: int, dtype: mx.Dtype, taken: bool) -> None:
    assert token_attention.takes_keys(mx.zeros((1, 2, 3, size), dtype)) is taken


@gpu
@pytest.mark.parametrize("dtype", check.TOLERANCE)
def test_kernels_agree_with_mlx_as_exactly_as_rounding_allows(dtype: mx.Dtype, on_gpu: None) -> None:
    assert check.unavailable_reason() == ""
    parts = check.PARTS if dtype == mx.float32 or mx.metal.is_available() else (*check.PARTS, *check.TOKEN_PARTS)
    errors = check.differences(dtype, [*parts, "heads without norms"])
    assert max(errors.values()) <= check.TOLERANCE[dtype], errors


def test_a_kernel_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "differences", lambda *_: {"norms": 1e-7, "SwiGLU": float("nan"), "heads": 0.1})
    check._test_kernels.cache_clear()
    try:
        assert check._test_kernels(check.PARTS) == "they give wrong numbers on this GPU (SwiGLU, heads)"
    finally:
        check._test_kernels.cache_clear()
