"""Attention a few queries at a time equals MLX's own, and only those who ask for it get it."""

from collections.abc import Callable, Iterator

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models import base
from mlx_lm.models.cache import make_prompt_cache

from core.data.batch.batches import collate
from core.model import packed_mask, tiled_attention
from core.model.fast_exp import exp
from core.model.log_probs import to_mlx
from tests.core.model.test_packed_mask import rows
from tests.core.model.test_sharing import pairs
from tests.core.model.tiny import tiny

Attend = Callable[[mx.array, mx.array, mx.array], mx.array]


@pytest.fixture(autouse=True)
def on_a_processor() -> Iterator[None]:
    device = mx.default_device()
    mx.set_default_device(mx.cpu)
    yield
    mx.set_default_device(device)


def spans(segments: list[list[int]], sub_segments: list[list[int]] | None = None) -> list[tuple[object, ...]]:
    rows = np.array(segments)
    tiles = tiled_attention.plan_tiles(rows, np.array(sub_segments) if sub_segments else np.zeros_like(rows))
    return [(t.first, t.end, *t.key_ranges) for t in tiles]


def test_a_tile_has_the_keys_that_its_queries_see() -> None:
    segments = [1] * 100 + [2] * 200 + [0] * 20
    assert spans([segments]) == [(0, 128, (0, 128)), (128, 256, (100, 256)), (256, 320, (100, 320))]
    two_rows = [segments, [1] * 320]  # rows in one batch: as far back as either needs
    assert spans(two_rows) == [(0, 128, (0, 128)), (128, 256, (0, 256)), (256, 320, (0, 320))]


def test_another_branch_is_left_out() -> None:
    segment, sub_segments = [1] * 384, [0] * 50 + [1] * 206 + [2] * 128  # a prompt and two answers
    assert spans([segment], [sub_segments]) == [
        (0, 128, (0, 128)),
        (128, 256, (0, 256)),
        (256, 384, (0, 50), (256, 384)),
    ]
    short_gap = [0] * 50 + [1] * 20 + [2] * 314  # a gap too short to be worth it
    assert spans([segment], [short_gap])[2] == (256, 384, (0, 384))


def random_qkv(heads: int, key_heads: int, layout_rows: int, width: int) -> tuple[mx.array, mx.array, mx.array]:
    mx.random.seed(3)
    q = 3 * mx.random.normal((layout_rows, heads, width, 16))
    return (
        q,
        mx.random.normal((layout_rows, key_heads, width, 16)),
        mx.random.normal((layout_rows, key_heads, width, 24)),
    )


def gradients(attention: Attend, *qkv: mx.array) -> list[mx.array]:
    def weighted_sum(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        output = attention(q, k, v)
        return (output * mx.cos(mx.arange(output.size).reshape(output.shape))).sum()

    return list(mx.grad(weighted_sum, argnums=(0, 1, 2))(*qkv))


def assert_equals_mlx(cache: packed_mask.PackedMaskCache, mask: mx.array, *qkv: mx.array) -> None:
    """Values and gradients are those of MLX's own attention."""

    def tiled(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return cache.attend(q, k, v, 0.25, mask)

    def mlx_attention(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return mx.fast.scaled_dot_product_attention(q, k, v, scale=0.25, mask=mask)

    assert mx.allclose(tiled(*qkv), mlx_attention(*qkv), rtol=1e-5, atol=1e-5)
    for gradient, expected in zip(gradients(tiled, *qkv), gradients(mlx_attention, *qkv), strict=True):
        assert mx.allclose(gradient, expected, rtol=1e-4, atol=1e-4 * mx.abs(expected).max().item())


@pytest.mark.parametrize("lengths", [[300], [300, 61, 200, 30], [40, 41]], ids=["alone", "packed", "short"])
@pytest.mark.parametrize("window", [None, 50])
@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (6, 2)])
def test_it_is_what_mlx_computes(lengths: list[int], window: int | None, heads: int, key_heads: int) -> None:
    layout = to_mlx(collate(rows(lengths), range(len(lengths)), pack=True, always=True)).layout
    assert layout is not None
    cache, (n, width) = packed_mask.PackedMaskCache(layout), layout.tokens.shape
    assert_equals_mlx(cache, cache.make_mask(width, window_size=window), *random_qkv(heads, key_heads, n, width))


@pytest.mark.parametrize("lengths", [(200, 60, 170), (150, 140, 130), (160, 20, 300, 40)])
def test_with_a_common_beginning_too(lengths: tuple[int, ...]) -> None:
    layout = to_mlx(collate(pairs(lengths), [0], pack=True, share=True)).layout
    assert layout is not None and layout.shared
    cache, (n, width) = packed_mask.PackedMaskCache(layout), layout.tokens.shape
    assert_equals_mlx(cache, cache.make_mask(width), *random_qkv(4, 2, n, width))


def test_only_who_brings_an_attention_gets_it() -> None:
    model, calls = tiny("qwen3"), 0
    tokens = mx.array([[5, 6, 7, 8, 9]])
    expected = model(tokens), model(tokens, cache=make_prompt_cache(model))
    tiled_attention.install_tiled_attention(model)
    assert mx.array_equal(model(tokens), expected[0])
    assert mx.array_equal(model(tokens, cache=make_prompt_cache(model)), expected[1])

    class Counting(packed_mask.PackedMaskCache):
        def attend(self, *arguments: mx.array) -> mx.array:  # type: ignore[override]
            nonlocal calls
            calls += 1
            return super().attend(*arguments)  # type: ignore[arg-type]

    layout = to_mlx(collate(rows([6]), [0], pack=True, always=True)).layout
    assert layout is not None
    output = model(layout.tokens, cache=[Counting(layout)] * len(model.layers))
    assert calls == len(model.layers)
    assert mx.allclose(output[:, :5], model(layout.tokens[:, :5]), atol=1e-5)
    assert base.scaled_dot_product_attention is tiled_attention._mlx_lm_attention  # mlx-lm's own stays as it is


def test_what_it_cannot_do_goes_the_usual_way() -> None:
    layout = to_mlx(collate(rows([40]), [0], pack=True, always=True)).layout
    assert layout is not None
    cache, width = packed_mask.PackedMaskCache(layout), layout.tokens.shape[1]
    mask, qkv = cache.make_mask(width), random_qkv(2, 2, 1, width)
    sinks = mx.array([0.5, -0.5])
    output = tiled_attention._cache_attention(*qkv, cache, 0.25, mask, sinks=sinks)
    assert mx.array_equal(output, base.scaled_dot_product_attention(*qkv, None, 0.25, mask, sinks=sinks))
    bfloat16_qkv = [x.astype(mx.bfloat16) for x in qkv]
    output = tiled_attention._cache_attention(*bfloat16_qkv, cache, 0.25, mask)
    assert mx.array_equal(output, base.scaled_dot_product_attention(*bfloat16_qkv, None, 0.25, mask))


def test_exponentials() -> None:
    x = np.concatenate([-np.linspace(0, 87, 20_001), [-1000.0, -np.inf]]).astype(np.float32)
    expected = np.exp(x.astype(np.float64))
    error = np.abs(np.array(exp(mx.array(x))) - expected)
    assert (error <= expected * (2e-7 + 4e-8 * np.minimum(-x, 100)) + 1e-38).all()
