"""First updates by hand: what PyTorch's optimizers do to one weight."""

import math
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from core.training import optimizers


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = mx.array([[2.0]])
        self.norm = mx.array([2.0])


def weights_after(name: str, decay: float, gradients: list[float], trains_all: bool = False) -> tuple[float, float]:
    model = Two()
    optimizer: Any = optimizers.build(name, decay, trains_all)
    for g in gradients:
        optimizer.learning_rate = 0.1
        optimizer.update(model, {"weight": mx.array([[g]]), "norm": mx.array([g])})
    return float(model.weight.item()), float(model.norm.item())


def test_adamw_corrects_its_bias() -> None:
    # Step 1: m̂ = g and v̂ = g², so the step is lr · g / (|g| + eps) whatever g is; without the correction it
    # would be 3.16 times that.
    assert weights_after("adamw", 0.0, [0.5])[0] == pytest.approx(1.9, abs=1e-5)
    m = (0.9 * 0.1 * 0.5 + 0.1 * -0.25) / (1 - 0.9**2)
    v = (0.999 * 0.001 * 0.25 + 0.001 * 0.0625) / (1 - 0.999**2)
    assert weights_after("adamw", 0.0, [0.5, -0.25])[0] == pytest.approx(1.9 - 0.1 * m / math.sqrt(v), abs=1e-4)


def test_decay_is_decoupled_and_spares_norms_when_everything_is_trained() -> None:
    decayed = 2.0 * (1 - 0.1 * 0.5) - 0.1
    assert weights_after("adamw", 0.5, [1.0]) == pytest.approx((decayed, decayed), abs=1e-5)
    assert weights_after("adamw", 0.5, [1.0], trains_all=True) == pytest.approx((decayed, 1.9), abs=1e-5)


def test_the_others() -> None:
    assert weights_after("sgd", 0.0, [0.5])[0] == pytest.approx(1.95)
    assert weights_after("lion", 0.0, [0.5])[0] == pytest.approx(1.9)  # the sign of the gradient
    assert weights_after("lion", 0.5, [0.5])[0] == pytest.approx(1.8)
    assert weights_after("adam", 0.0, [0.5])[0] == pytest.approx(1.9, abs=1e-5)


def test_clipping() -> None:
    gradients = {"a": mx.array([3.0]), "b": mx.array([4.0])}
    norm = optimizers.global_norm(gradients)
    assert norm.item() == pytest.approx(5.0)
    clipped = optimizers.clip(gradients, norm, 1.0)
    assert clipped["a"].item() == pytest.approx(3 / (5 + 1e-6)) and clipped["b"].item() == pytest.approx(4 / (5 + 1e-6))
    assert optimizers.clip(gradients, norm, 10.0)["a"].item() == 3.0
    assert optimizers.clip(gradients, norm, 0.0)["a"].item() == 3.0
