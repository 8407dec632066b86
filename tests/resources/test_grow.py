"""A model grown from another says the same as that one, and has more to learn with."""

from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from core.resources import STARTER
from resources.make.grow import grow


def test_the_larger_model_says_the_same_and_can_learn_more(tmp_path: Path) -> None:
    count = grow(STARTER, tmp_path / "large", inner=640)
    small, _ = load_model(STARTER)
    small.set_dtype(mx.float32)
    large, config = load_model(tmp_path / "large")
    assert (config["num_hidden_layers"], config["intermediate_size"], len(large.layers)) == (12, 640, 12)
    tokens = mx.array([[5, 900, 17, 300, 3, 44]])
    assert np.allclose(np.array(large(tokens)), np.array(small(tokens)), atol=2e-4)

    def loss(model: nn.Module) -> mx.array:
        logits = model(tokens)
        return (mx.logsumexp(logits, axis=-1) - logits[..., 7]).sum()

    _, gradients = nn.value_and_grad(large, loss)(large)
    found = dict(tree_flatten(gradients))
    assert count == sum(g.size for g in found.values()) > 2 * 3_050_688
    # What is zero at first gets a gradient: a new block's way out, and that of the new units in an old block.
    assert float(mx.abs(found["model.layers.1.self_attn.o_proj.weight"]).max()) > 0
    assert float(mx.abs(found["model.layers.0.mlp.down_proj.weight"][:, 512:]).max()) > 0
