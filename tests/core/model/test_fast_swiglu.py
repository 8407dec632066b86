"""SwiGLU with the quick exponential: MLX's numbers, MLX's gradient."""

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models import activations, qwen3

from core.model import fast_swiglu
from core.model.fast_swiglu import install_fast_swiglu, swiglu
from tests.core.model.tiny import tiny


def inputs(dtype: mx.Dtype = mx.float32) -> list[mx.array]:
    gate = mx.array(np.concatenate([np.linspace(-120, 120, 241), [-1e-6, 0.0, 1e-6]]).astype(np.float32))
    return [x.astype(dtype) for x in (gate, mx.random.normal(gate.shape, key=mx.random.key(2)), gate[::-1])]


def test_numbers_and_gradients_are_those_of_mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_swiglu, "EXP_IS_SLOW", True)
    gate, up, weight = inputs()
    results = [mx.vjp(f, [gate, up], [weight]) for f in (swiglu, activations.swiglu)]
    for own, usual in zip(*[[*outputs, *gradients] for outputs, gradients in results], strict=True):
        assert np.isfinite(np.array(own)).all()
        np.testing.assert_allclose(np.array(own), np.array(usual), rtol=2e-6, atol=1e-6)


def test_other_precisions_are_mlxs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_swiglu, "EXP_IS_SLOW", True)
    gate, up, _ = inputs(mx.bfloat16)
    assert mx.array_equal(swiglu(gate, up), activations.swiglu(gate, up)).item()


def test_a_models_layers_use_it_once_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_swiglu, "EXP_IS_SLOW", True)
    monkeypatch.setattr(qwen3, "swiglu", activations.swiglu)
    model, tokens = tiny("qwen3"), mx.array([[5, 6, 7, 8]])
    expected = model(tokens)
    install_fast_swiglu(model)
    assert qwen3.swiglu is swiglu
    assert mx.allclose(model(tokens), expected, atol=1e-5).item()
