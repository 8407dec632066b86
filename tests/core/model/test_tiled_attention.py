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
    usual = mx.default_device()
    mx.set_default_device(mx.cpu)
    yield
    mx.set_default_device(usual)


def spans(units: list[list[int]], branches: list[list[int]] | None = None) -> list[tuple[object, ...]]:
    rows = np.array(units)
    made = tiled_attention.plan_tiles(rows, np.array(branches) if branches else np.zeros_like(rows))
    return [(t.first, t.end, *t.seen) for t in made]


def test_a_tile_has_the_keys_that_its_queries_see() -> None:
    units = [1] * 100 + [2] * 200 + [0] * 20
    assert spans([units]) == [(0, 128, (0, 128)), (128, 256, (100, 256)), (256, 320, (100, 320))]
    both = [units, [1] * 320]  # rows in one batch: as far back as either needs
    assert spans(both) == [(0, 128, (0, 128)), (128, 256, (0, 256)), (256, 320, (0, 320))]


def test_another_branch_is_left_out() -> None:
    unit, branches = [1] * 384, [0] * 50 + [1] * 206 + [2] * 128  # a prompt and two answers
    assert spans([unit], [branches]) == [(0, 128, (0, 128)), (128, 256, (0, 256)), (256, 384, (0, 50), (256, 384))]
    near = [0] * 50 + [1] * 20 + [2] * 314  # a gap too short to be worth it
    assert spans([unit], [near])[2] == (256, 384, (0, 384))


def drawn(heads: int, near: int, layout_rows: int, width: int) -> tuple[mx.array, mx.array, mx.array]:
    mx.random.seed(3)
    q = 3 * mx.random.normal((layout_rows, heads, width, 16))
    return q, mx.random.normal((layout_rows, near, width, 16)), mx.random.normal((layout_rows, near, width, 24))


def gradients(how: Attend, *given: mx.array) -> list[mx.array]:
    def weighed(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        made = how(q, k, v)
        return (made * mx.cos(mx.arange(made.size).reshape(made.shape))).sum()

    return list(mx.grad(weighed, argnums=(0, 1, 2))(*given))


def as_mlx_has_it(blocks: packed_mask.PackedMaskCache, mask: mx.array, *given: mx.array) -> None:
    """Values and gradients are those of MLX's own attention."""

    def here(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return blocks.attend(q, k, v, 0.25, mask)

    def theirs(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return mx.fast.scaled_dot_product_attention(q, k, v, scale=0.25, mask=mask)

    assert mx.allclose(here(*given), theirs(*given), rtol=1e-5, atol=1e-5)
    for mine, expected in zip(gradients(here, *given), gradients(theirs, *given), strict=True):
        assert mx.allclose(mine, expected, rtol=1e-4, atol=1e-4 * mx.abs(expected).max().item())


@pytest.mark.parametrize("lengths", [[300], [300, 61, 200, 30], [40, 41]], ids=["alone", "packed", "short"])
@pytest.mark.parametrize("window", [None, 50])
@pytest.mark.parametrize(("heads", "near"), [(4, 4), (6, 2)])
def test_it_is_what_mlx_computes(lengths: list[int], window: int | None, heads: int, near: int) -> None:
    layout = to_mlx(collate(rows(lengths), range(len(lengths)), pack=True, always=True)).layout
    assert layout is not None
    blocks, (n, width) = packed_mask.PackedMaskCache(layout), layout.tokens.shape
    as_mlx_has_it(blocks, blocks.make_mask(width, window_size=window), *drawn(heads, near, n, width))


@pytest.mark.parametrize("lengths", [(200, 60, 170), (150, 140, 130), (160, 20, 300, 40)])
def test_with_a_common_beginning_too(lengths: tuple[int, ...]) -> None:
    layout = to_mlx(collate(pairs(lengths), [0], pack=True, share=True)).layout
    assert layout is not None and layout.shared
    blocks, (n, width) = packed_mask.PackedMaskCache(layout), layout.tokens.shape
    as_mlx_has_it(blocks, blocks.make_mask(width), *drawn(4, 2, n, width))


def test_only_who_brings_an_attention_gets_it() -> None:
    model, asked = tiny("qwen3"), 0
    tokens = mx.array([[5, 6, 7, 8, 9]])
    before = model(tokens), model(tokens, cache=make_prompt_cache(model))
    tiled_attention.install_tiled_attention(model)
    assert mx.array_equal(model(tokens), before[0])
    assert mx.array_equal(model(tokens, cache=make_prompt_cache(model)), before[1])

    class Counting(packed_mask.PackedMaskCache):
        def attend(self, *given: mx.array) -> mx.array:  # type: ignore[override]
            nonlocal asked
            asked += 1
            return super().attend(*given)  # type: ignore[arg-type]

    layout = to_mlx(collate(rows([6]), [0], pack=True, always=True)).layout
    assert layout is not None
    with_own = model(layout.tokens, cache=[Counting(layout)] * len(model.layers))
    assert asked == len(model.layers)
    assert mx.allclose(with_own[:, :5], model(layout.tokens[:, :5]), atol=1e-5)
    assert base.scaled_dot_product_attention is tiled_attention._usual  # mlx-lm's own stays as it is


def test_what_it_cannot_do_goes_the_usual_way() -> None:
    layout = to_mlx(collate(rows([40]), [0], pack=True, always=True)).layout
    assert layout is not None
    blocks, width = packed_mask.PackedMaskCache(layout), layout.tokens.shape[1]
    mask, given = blocks.make_mask(width), drawn(2, 2, 1, width)
    sinks = mx.array([0.5, -0.5])
    made = tiled_attention._asking(*given, blocks, 0.25, mask, sinks=sinks)
    assert mx.array_equal(made, base.scaled_dot_product_attention(*given, None, 0.25, mask, sinks=sinks))
    half = [x.astype(mx.bfloat16) for x in given]
    made = tiled_attention._asking(*half, blocks, 0.25, mask)
    assert mx.array_equal(made, base.scaled_dot_product_attention(*half, None, 0.25, mask))


def test_exponentials() -> None:
    x = np.concatenate([-np.linspace(0, 87, 20_001), [-1000.0, -np.inf]]).astype(np.float32)
    expected = np.exp(x.astype(np.float64))
    error = np.abs(np.array(exp(mx.array(x))) - expected)
    assert (error <= expected * (2e-7 + 4e-8 * np.minimum(-x, 100)) + 1e-38).all()
