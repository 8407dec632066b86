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


def test_biases_of_experts_are_not_decayed() -> None:
    parameters = {"experts": {"weight": mx.array([[2.0]]), "bias": mx.array([[2.0]])}}
    optimizer: Any = optimizers.build("adamw", 0.5, trains_all=True)
    optimizer.learning_rate = 0.1
    after = optimizer.apply_gradients({"experts": {"weight": mx.array([[1.0]]), "bias": mx.array([[1.0]])}}, parameters)
    assert after["experts"]["weight"].item() == pytest.approx(2.0 * (1 - 0.1 * 0.5) - 0.1, abs=1e-5)
    assert after["experts"]["bias"].item() == pytest.approx(1.9, abs=1e-5)


def test_loraplus_gives_norms_the_rate_of_b_without_decay() -> None:
    optimizer: Any = optimizers.build("adamw", 0.5, False, plus=3.0, has_undecayed=True)
    optimizer.learning_rate = 0.01
    names = ("lora_a", "lora_b", f"weight{optimizers.UNDECAYED}")
    start, grads = {n: mx.array([2.0]) for n in names}, {n: mx.array([1.0]) for n in names}
    after = optimizer.apply_gradients(grads, start)
    assert after["lora_a"].item() == pytest.approx(2.0 * (1 - 0.01 * 0.5) - 0.01, abs=1e-5)
    assert after["lora_b"].item() == pytest.approx(2.0 * (1 - 0.03 * 0.5) - 0.03, abs=1e-5)
    assert after[names[2]].item() == pytest.approx(2.0 - 0.03, abs=1e-5)


def test_lion_has_the_betas_of_its_paper() -> None:
    """The direction is the sign of 0.9 m + 0.1 g, then m = 0.99 m + 0.01 g. With gradients 1 and -0.05 m is 0.01, and
    0.009 - 0.005 > 0: both steps go down. With transformers' 0.999 the second would go up."""
    assert weights_after("lion", 0.0, [1.0, -0.05])[0] == pytest.approx(1.8)


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
