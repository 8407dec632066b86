"""The texts for CUDA, run on a processor: what core.model.kernels.check asks of a GPU, asked of the emulator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from core.adapters import grouped_linear
from core.adapters.lora import LoRALinear
from core.model.kernels import check, pieces, token_product, token_sample
from tests.core.model.kernels.emulator import COMPILER, emulate

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")


@pytest.fixture
def emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: Any) -> Any:
        return emulate(tmp_path, *arguments)

    for module in (pieces, token_product, token_sample):
        monkeypatch.setattr(module, "run", run)


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16])
def test_a_token_attends_as_mlx_does(dtype: mx.Dtype, emulated: None) -> None:
    assert check.differences(dtype, check.TOKEN_PARTS)[check.TOKEN_PARTS[0]] < check.TOLERANCE[dtype]


@pytest.mark.parametrize(("heads", "warps"), [(pieces.Heads(4, 1, 64), 8), (pieces.Heads(3, 3, 32), 4)])
def test_heads_of_other_sizes_and_many_answers(
    heads: pieces.Heads, warps: int, emulated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_MANY_ROWS", 1000 if warps == 8 else 1)
    lengths = (70, 70, 4, 4)
    past = pieces.Past(
        *(mx.random.normal((2, heads.key, length, heads.size)) for length in lengths),
        mx.array([60, 0], mx.int32), mx.array([61, 3], mx.int32),
    )  # fmt: skip
    qkv = mx.random.normal((2, (heads.query + 2 * heads.key) * heads.size))
    angles = mx.random.normal((2, heads.size // 2))
    arguments = qkv, heads, pieces.Rotation(mx.cos(angles), mx.sin(angles)), past, 0.2
    y, after = pieces.kernel_attend_token(*arguments)
    expected, kept = pieces.plain_attend_token(*arguments)
    assert mx.allclose(y, expected, atol=1e-5).item()
    assert mx.allclose(after.recent_keys, kept.recent_keys, atol=1e-5).item()
    assert mx.array_equal(after.recent_values, kept.recent_values).item()


def test_a_token_is_sampled_as_by_mlx(emulated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def differences(rows: int) -> float:
        key = mx.random.split(mx.random.key(3), 1)[0]
        normal: Callable[..., mx.array] = lambda *shape: mx.random.normal((rows, *shape[1:]), key=key)  # noqa: E731
        return check._sampling_difference(normal)

    assert differences(5) < 1e-4


@pytest.mark.parametrize("part", range(len(check.PRODUCTS)))
def test_a_layer_with_what_is_around_it_is_one_kernel(part: int, emulated: None) -> None:
    keys = iter(mx.random.split(mx.random.key(2), 16))
    normal: Callable[..., mx.array] = lambda *s: mx.random.normal(s, key=next(keys)).astype(mx.bfloat16)  # noqa: E731
    assert check._product_difference(normal, check.PRODUCTS[part : part + 1]) < check.TOLERANCE[mx.bfloat16]


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
