"""DoRA: the formula, its norm without a second matrix, over every base precision, and in mlx-lm's files."""

import json
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import pytest

from core import adapters
from core.adapters.dora import DoRALinear
from core.errors import BadOption
from core.quant import MODES, PackedLinear, linear_weight
from core.quant.mlx_linear import QuantizedLinear
from core.run import Adapter, Model, Run
from core.train import train
from tests.core.adapters.test_lora import TOKENS, load_base, random_adapter_model, save
from tests.core.model.tiny import tiny

MODE_NAMES = ("none", "nf4", "fp4", "int8", "affine-4", "mxfp4")


def make_layer(mode: str, dtype: mx.Dtype = mx.float32) -> DoRALinear:
    """A linear layer with a bias and an adapter, all far from zero, over a base of each precision."""
    mx.random.seed(4)
    linear = nn.Linear(64, 48)
    linear.weight, linear.bias = mx.random.normal((48, 64)) * 0.2, mx.random.normal((48,)) * 3
    linear.set_dtype(dtype)
    if mode != "none":
        mode_info = MODES[mode]
        linear = QuantizedLinear.pack(linear, mode_info) if mode_info.mlx else PackedLinear.from_linear(linear, mode)
    dora = DoRALinear(linear, rank=4, scale=1.5, dropout=0.0)
    dora.lora_b = mx.random.normal((4, 48)) * 0.3
    dora.m = dora.m * mx.random.uniform(0.8, 1.2, (48,))
    return dora


def dora_formula(dora: DoRALinear, x: mx.array, m: mx.array, a: mx.array, b: mx.array) -> mx.array:
    """The paper's formula with the whole matrix, its norm detached."""
    direction = linear_weight(dora.linear, mx.float32) + dora.scale * (a @ b).T
    norm = mx.stop_gradient(mx.linalg.norm(direction, axis=1))
    return x @ (direction * (m / norm)[:, None]).T + dora.linear.bias


@pytest.mark.parametrize("mode", MODE_NAMES)
def test_values_and_gradients_are_those_of_the_formula(mode: str) -> None:
    dora = make_layer(mode)
    x = mx.random.normal((2, 5, 64))

    def own_loss(x: mx.array, m: mx.array, a: mx.array, b: mx.array) -> mx.array:
        dora.update({"m": m, "lora_a": a, "lora_b": b})
        return mx.square(dora(x)).sum()

    def formula_loss(*tensors: mx.array) -> mx.array:
        return mx.square(dora_formula(dora, *tensors)).sum()

    tensors = [x, dora.m, dora.lora_a, dora.lora_b]
    assert mx.allclose(dora(x), dora_formula(dora, *tensors), atol=1e-4)
    for grad, expected in zip(
        mx.grad(own_loss, (0, 1, 2, 3))(*tensors), mx.grad(formula_loss, (0, 1, 2, 3))(*tensors), strict=True
    ):
        assert (mx.linalg.norm(grad - expected) / mx.linalg.norm(expected)).item() < 1e-5


def test_the_norm_kept_while_answering_follows_new_weights() -> None:
    dora = make_layer("nf4")
    x = mx.random.normal((1, 64))
    dora.eval()
    first = dora(x)
    assert mx.allclose(dora(x), first, atol=1e-5)
    dora.update({"lora_b": dora.lora_b * 3})
    tensors = [x, dora.m, dora.lora_a, dora.lora_b]
    assert mx.allclose(dora(x), dora_formula(dora, *tensors), atol=1e-4)
    dora.enabled = False
    assert mx.array_equal(dora(x), dora.linear(x))


def test_small_changes_of_magnitude_tell_in_16_bit() -> None:
    dora = make_layer("none", mx.bfloat16)
    dora.lora_b = mx.zeros_like(dora.lora_b)
    dora.m = mx.sqrt(dora._squared_norm)
    x = mx.random.normal((64, 64)).astype(mx.bfloat16)
    plain = dora(x).astype(mx.float32)
    dora.m = dora.m * 1.001  # less than bfloat16 keeps of a number near 1
    assert mx.abs(dora(x).astype(mx.float32) - plain).max().item() > 0


def test_it_starts_from_the_unchanged_model(model_folder: Path) -> None:
    model = load_base(model_folder)
    base_logits = model(TOKENS)
    adapters.attach(model, Adapter(type="dora", rank=4))
    assert mx.allclose(model(TOKENS), base_logits, atol=1e-5)
    names = adapters.trainable_tensors(model)
    assert len(names) == 42 and all(v.dtype == mx.float32 for v in names.values())
    with adapters.disable(model):
        assert mx.array_equal(model(TOKENS), base_logits)


def test_mlx_lm_loads_it_with_the_same_logits(model_folder: Path, tmp_path: Path) -> None:
    from mlx_lm.utils import load as mlx_lm_load

    o = Adapter(type="dora", rank=3, targets="q_proj,down_proj")
    model = random_adapter_model(model_folder, o)
    save(model, o, tmp_path)
    assert json.loads((tmp_path / adapters.CONFIG).read_text())["fine_tune_type"] == "dora"
    mlx_lm_model, _ = mlx_lm_load(str(model_folder), adapter_path=str(tmp_path))
    assert mx.abs(mlx_lm_model(TOKENS) - model(TOKENS)).max().item() < 1e-4
    reloaded = load_base(model_folder)
    adapters.load(reloaded, tmp_path)
    assert mx.allclose(reloaded(TOKENS), model(TOKENS), atol=1e-6)


def test_it_trains_over_packed_weights(make_run: Callable[..., Run]) -> None:
    run = make_run(adapter={"type": "dora"}, model={"quantization": "nf4"}, train={"steps": 4})
    steps = [e for e in list(train(run)) if type(e).__name__ == "Step"]
    assert steps[-1].loss < steps[0].loss
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    assert resolved["adapter"]["type"] == "dora" and resolved["adapter"]["modules"] == 14
    assert set(mx.load(str(Path(str(run.output)) / adapters.WEIGHTS))) == set(
        adapters.trainable_tensors(random_adapter_model(Path(run.model.path), Adapter(type="dora")))
    )


def test_experts_stay_without_dora() -> None:
    with pytest.raises(BadOption, match="DoRA goes with linear layers; SwitchLinear takes lora"):
        adapters.attach(tiny("gpt_oss"), Adapter(type="dora", targets="experts.*"))
    model = tiny("gpt_oss")
    adapters.attach(model, Adapter(type="dora"))
    assert all("self_attn" in name for name in adapters.trainable_tensors(model))
    assert adapters.build_config(model, Adapter(type="dora"), Model())["lora_parameters"]["keys"]
