"""The texts for CUDA, run on a processor: what core.model.kernels.check asks of a GPU, asked of the emulator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from core.adapters import grouped_linear
from core.adapters.lora import LoRALinear
from core.model.kernels import check, pieces, token_attention, token_product, token_sample
from tests.core.model.kernels.emulator import COMPILER, emulate

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")


@pytest.fixture
def emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: Any, **options: Any) -> Any:
        return emulate(tmp_path, *arguments, **options)

    for module in (pieces, token_attention, token_product, token_sample):
        monkeypatch.setattr(module, "run", run)


def test_a_token_attends_as_mlx_does(emulated: None) -> None:
    assert check.differences(mx.bfloat16, check.TOKEN_PARTS)[check.TOKEN_PARTS[0]] < 4e-3


@pytest.mark.parametrize(
    ("heads", "answers"),
    [
        (pieces.Heads(8, 1, 64), 3),
        (pieces.Heads(14, 2, 64), 1),
        (pieces.Heads(3, 3, 256), 1),
        (pieces.Heads(2, 2, 64), 3),
    ],
)
@pytest.mark.parametrize("warps", [1, 4, 8])
def test_heads_of_other_sizes_and_parts_of_a_row(
    heads: pieces.Heads, answers: int, warps: int, emulated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that begin late, of which one has no tokens before but recent ones, and parts without tokens."""
    monkeypatch.setattr(token_attention, "_WARPS", warps * answers * heads.key)
    keys = iter(mx.random.split(mx.random.key(4), 8))

    def normal(*shape: int) -> mx.array:
        return mx.random.normal(shape, key=next(keys)).astype(mx.bfloat16)

    start, place = mx.array([0, 70, 33][:answers], mx.int32), mx.array([70, 3], mx.int32)
    past = token_attention.Past(
        *(normal(answers, heads.key, length, heads.size) for length in (80, 80, 8, 8)), start, place
    )
    qkv = normal(answers, (heads.query + 2 * heads.key) * heads.size)
    angles = mx.random.normal((answers, heads.size // 2))
    rotation = pieces.Rotation(mx.cos(angles), mx.sin(angles))
    y, after = token_attention.kernel_attend_token(qkv, heads, rotation, past, 0.2)
    exact = past._replace(**{name: getattr(past, name).astype(mx.float32) for name in past._fields[:4]})
    expected, kept = token_attention.plain_attend_token(qkv.astype(mx.float32), heads, rotation, exact, 0.2)
    assert mx.abs(y.astype(mx.float32) - expected).max() < 1e-2 * mx.abs(expected).max()
    assert mx.allclose(after.recent_keys[:, :, :4].astype(mx.float32), kept.recent_keys[:, :, :4], rtol=1e-2, atol=2e-2)
    assert mx.array_equal(after.recent_values[:, :, :4].astype(mx.float32), kept.recent_values[:, :, :4]).item()


def test_a_token_is_sampled_as_by_mlx(emulated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def differences(rows: int) -> float:
        key = mx.random.split(mx.random.key(3), 1)[0]
        normal: Callable[..., mx.array] = lambda *shape: mx.random.normal((rows, *shape[1:]), key=key)  # noqa: E731
        return check._sampling_difference(normal)

    assert differences(5) < 1e-4


@pytest.mark.parametrize("product", [*check.PRODUCTS, (33, (0, 48), 8, False), (20, (0, 192), 0, True)])
def test_a_layer_with_what_is_around_it_is_one_kernel(product: check.Product, emulated: None) -> None:
    keys = iter(mx.random.split(mx.random.key(2), 16))
    normal: Callable[..., mx.array] = lambda *s: mx.random.normal(s, key=next(keys)).astype(mx.bfloat16)  # noqa: E731
    assert check._product_difference(normal, [product]) < check.TOLERANCE[mx.bfloat16]


def test_what_an_adapter_adds_is_rounded_once(emulated: None) -> None:
    """Its narrow numbers are not: where they cancel out, that would be seen."""
    keys = mx.random.split(mx.random.key(6), 3)
    x, a, b = (mx.random.normal(s, key=k) for s, k in zip(((9, 128), (16, 128), (16, 24)), keys, strict=True))
    x, a, b = (array.astype(mx.bfloat16) for array in (x, a, b))
    linear = token_product.JoinedLinear(mx.zeros((24, 128), mx.bfloat16), None, (0,), a, b)
    y = token_product.token_product(x, linear, token_product.Around()).astype(mx.float32)
    exact = (x.astype(mx.float32) @ a.astype(mx.float32).T) @ b.astype(mx.float32)
    assert mx.all(mx.abs(y - exact) <= 2**-8 * mx.abs(exact) + 2e-3).item()


@pytest.mark.parametrize("part", [*check.PARTS, "heads without norms"])
@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16])
def test_the_pieces_of_training_and_their_gradients(part: str, dtype: mx.Dtype, emulated: None) -> None:
    assert check.differences(dtype, [part])[part] < check.TOLERANCE[dtype]


@pytest.mark.parametrize(
    ("ranks", "bias", "kernels"),
    [((8, 8, 8), False, 1), ((8, 8, 8), True, 1), ((0, 0, 0), True, 1), ((8, 0, 8), False, 0), ((8, 16, 8), False, 0)],
)
def test_layers_with_one_input_and_their_adapters(
    ranks: tuple[int, ...], bias: bool, kernels: int, emulated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kernel where all have adapters of one rank, or none; else what the layers compute by themselves."""
    count = []
    monkeypatch.setattr(grouped_linear, "unavailable_reason", lambda parts: "")
    monkeypatch.setattr(grouped_linear, "token_product", lambda *a: count.append(1) or token_product.token_product(*a))
    layers: list[nn.Module] = []
    for rank, outputs in zip(ranks, (32, 16, 16), strict=True):
        linear = nn.Linear(128, outputs, bias=bias)
        linear.set_dtype(mx.bfloat16)
        linear.freeze()
        layer = LoRALinear(linear, rank, 2.0, 0.0) if rank else linear
        if rank:
            layer.lora_b = mx.random.normal(layer.lora_b.shape)
        layers.append(layer)
    x, norm = mx.random.normal((3, 128)).astype(mx.bfloat16), 1 + mx.random.normal((128,)).astype(mx.bfloat16)
    expected = mx.concatenate([layer(mx.fast.rms_norm(x, norm, 1e-5)) for layer in layers], axis=1).astype(mx.float32)
    y = grouped_linear.GroupedLinear(layers).multiply_token(x, None, token_product.Around(norm, 1e-5))
    assert len(count) == kernels
    assert mx.allclose(y.astype(mx.float32), expected, rtol=2e-2, atol=2e-2 * mx.abs(expected).max().item()).item()
