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
from core.quant import MODES, PackedLinear, dense
from core.quant.mlx_linear import QuantizedLinear
from core.run import Adapter, Model, Run
from core.train import train
from tests.core.adapters.test_lora import TOKENS, filled, fresh, save
from tests.core.model.tiny import tiny

MODE_NAMES = ("none", "nf4", "fp4", "int8", "affine-4", "mxfp4")


def layer(mode: str, dtype: mx.Dtype = mx.float32) -> DoRALinear:
    """A linear layer with a bias and an add-on, all far from zero, over a base of each precision."""
    mx.random.seed(4)
    linear = nn.Linear(64, 48)
    linear.weight, linear.bias = mx.random.normal((48, 64)) * 0.2, mx.random.normal((48,)) * 3
    linear.set_dtype(dtype)
    if mode != "none":
        about = MODES[mode]
        linear = QuantizedLinear.pack(linear, about) if about.mlx else PackedLinear.from_linear(linear, mode)
    made = DoRALinear(linear, rank=4, scale=1.5, dropout=0.0)
    made.lora_b = mx.random.normal((4, 48)) * 0.3
    made.m = made.m * mx.random.uniform(0.8, 1.2, (48,))
    return made


def by_hand(made: DoRALinear, x: mx.array, m: mx.array, a: mx.array, b: mx.array) -> mx.array:
    """The paper's formula with the whole matrix, its norm detached."""
    whole = dense(made.linear, mx.float32) + made.scale * (a @ b).T
    norm = mx.stop_gradient(mx.linalg.norm(whole, axis=1))
    return x @ (whole * (m / norm)[:, None]).T + made.linear.bias


@pytest.mark.parametrize("mode", MODE_NAMES)
def test_values_and_gradients_are_those_of_the_formula(mode: str) -> None:
    made = layer(mode)
    x = mx.random.normal((2, 5, 64))

    def mine(x: mx.array, m: mx.array, a: mx.array, b: mx.array) -> mx.array:
        made.update({"m": m, "lora_a": a, "lora_b": b})
        return mx.square(made(x)).sum()

    def theirs(*parts: mx.array) -> mx.array:
        return mx.square(by_hand(made, *parts)).sum()

    parts = [x, made.m, made.lora_a, made.lora_b]
    assert mx.allclose(made(x), by_hand(made, *parts), atol=1e-4)
    for one, other in zip(mx.grad(mine, (0, 1, 2, 3))(*parts), mx.grad(theirs, (0, 1, 2, 3))(*parts), strict=True):
        assert (mx.linalg.norm(one - other) / mx.linalg.norm(other)).item() < 1e-5


def test_the_norm_kept_while_answering_follows_new_weights() -> None:
    made = layer("nf4")
    x = mx.random.normal((1, 64))
    made.eval()
    first = made(x)
    assert mx.allclose(made(x), first, atol=1e-5)
    made.update({"lora_b": made.lora_b * 3})
    parts = [x, made.m, made.lora_a, made.lora_b]
    assert mx.allclose(made(x), by_hand(made, *parts), atol=1e-4)
    made.enabled = False
    assert mx.array_equal(made(x), made.linear(x))


def test_small_changes_of_magnitude_tell_in_16_bit() -> None:
    made = layer("none", mx.bfloat16)
    made.lora_b = mx.zeros_like(made.lora_b)
    made.m = mx.sqrt(made._squared)
    x = mx.random.normal((64, 64)).astype(mx.bfloat16)
    plain = made(x).astype(mx.float32)
    made.m = made.m * 1.001  # less than bfloat16 keeps of a number near 1
    assert mx.abs(made(x).astype(mx.float32) - plain).max().item() > 0


def test_it_starts_from_the_unchanged_model(model_folder: Path) -> None:
    model = fresh(model_folder)
    before = model(TOKENS)
    adapters.attach(model, Adapter(type="dora", rank=4))
    assert mx.allclose(model(TOKENS), before, atol=1e-5)
    names = adapters.trainable_tensors(model)
    assert len(names) == 42 and all(v.dtype == mx.float32 for v in names.values())
    with adapters.disable(model):
        assert mx.array_equal(model(TOKENS), before)


def test_mlx_lm_loads_it_with_the_same_logits(model_folder: Path, tmp_path: Path) -> None:
    from mlx_lm.utils import load as mlx_lm_load

    o = Adapter(type="dora", rank=3, targets="q_proj,down_proj")
    model = filled(model_folder, o)
    save(model, o, tmp_path)
    assert json.loads((tmp_path / adapters.CONFIG).read_text())["fine_tune_type"] == "dora"
    theirs, _ = mlx_lm_load(str(model_folder), adapter_path=str(tmp_path))
    assert mx.abs(theirs(TOKENS) - model(TOKENS)).max().item() < 1e-4
    again = fresh(model_folder)
    adapters.load(again, tmp_path)
    assert mx.allclose(again(TOKENS), model(TOKENS), atol=1e-6)


def test_it_trains_over_packed_weights(make_run: Callable[..., Run]) -> None:
    run = make_run(adapter={"type": "dora"}, model={"quantization": "nf4"}, train={"steps": 4})
    steps = [e for e in list(train(run)) if type(e).__name__ == "Step"]
    assert steps[-1].loss < steps[0].loss
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    assert resolved["adapter"]["type"] == "dora" and resolved["adapter"]["modules"] == 14
    assert set(mx.load(str(Path(str(run.output)) / adapters.WEIGHTS))) == set(
        adapters.trainable_tensors(filled(Path(run.model.path), Adapter(type="dora")))
    )


def test_experts_stay_without_dora() -> None:
    with pytest.raises(BadOption, match="DoRA goes with linear layers; SwitchLinear takes lora"):
        adapters.attach(tiny("gpt_oss"), Adapter(type="dora", targets="experts.*"))
    model = tiny("gpt_oss")
    adapters.attach(model, Adapter(type="dora"))
    assert all("self_attn" in name for name in adapters.trainable_tensors(model))
    assert adapters.build_config(model, Adapter(type="dora"), Model())["lora_parameters"]["keys"]
