"""The step that the benchmarks of a GPU take apart is the product's, and works."""

import mlx.core as mx
import numpy as np
import pytest

from core.adapters.fused_blocks import fuse_blocks
from core.data.batch.batches import Batch
from tests.benchmarks.precision import TINY, build, product_step


@pytest.mark.parametrize("fused", [False, True])
def test_the_products_step_by_itself(fused: bool) -> None:
    model, _ = build(TINY, "none")
    if fused:
        assert fuse_blocks(model) == ""
    step = product_step(model)
    model.train()
    tokens = np.random.default_rng(0).integers(0, 500, (2, 17)).astype(np.int32)
    batch = Batch(tokens, np.ones((2, 16), np.float32), (17, 17), (0, 1))
    losses = []
    for _ in range(8):
        value, _, gradient = step.gradient(batch)
        norm = step.optimizer_step(gradient, step.weight(batch), 1e-2)
        mx.eval(norm, step.state)
        losses.append(value.item())
        assert norm.item() > 0
    assert losses[-1] < losses[0] - 0.1
