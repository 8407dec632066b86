"""LoRA: the formula, the layers chosen, and that mlx-lm loads what Hone saves with the same logits."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from core import adapters
from core.adapters.lora import LoRALinear
from core.adapters.target_modules import find_target_layers
from core.chat import read_base_model
from core.errors import BadModel, BadOption
from core.model.load import load
from core.quant import PackedLinear
from core.reference.frozen_model import find_source
from core.run import Adapter, Model, Run
from core.train import train

TOKENS = mx.array([[1, 5, 9, 20, 33, 4, 60, 2]])


def load_base(folder: Path) -> nn.Module:
    return load(folder, "float32", device="cpu").model


def random_adapter_model(folder: Path, o: Adapter) -> nn.Module:
    """A model with an adapter whose A and B are both far from zero."""
    model = load_base(folder)
    adapters.attach(model, o)
    mx.random.seed(3)
    for name, value in adapters.trainable_tensors(model).items():
        model.load_weights([(name, mx.random.normal(value.shape) * 0.2)], strict=False)
    return model


def test_the_formula_by_hand() -> None:
    linear = nn.Linear(2, 2, bias=False)
    linear.weight = mx.array([[1.0, 2.0], [3.0, 4.0]])
    layer = LoRALinear(linear, rank=1, scale=0.5, dropout=0.0)
    layer.lora_a, layer.lora_b = mx.array([[1.0], [1.0]]), mx.array([[10.0, 20.0]])
    # Wx = (5, 11) for x = (1, 2); xA = 3; its half times B = (15, 30)
    assert layer(mx.array([[1.0, 2.0]])).tolist() == [[20.0, 41.0]]
    layer.enabled = False
    assert layer(mx.array([[1.0, 2.0]])).tolist() == [[5.0, 11.0]]


@pytest.mark.parametrize("kind", ["plain", "bias", "nf4"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_its_gradient_is_that_of_the_formula(kind: str, dropout: float) -> None:
    mx.random.seed(1)
    linear: Any = nn.Linear(64, 8, bias=kind == "bias")
    if kind == "nf4":
        linear = PackedLinear.from_linear(linear, "nf4")
    linear.freeze()
    layer = LoRALinear(linear, rank=3, scale=0.5, dropout=dropout)
    layer.lora_b = mx.random.normal((3, 8))
    inputs = [mx.random.normal((2, 5, 64)), layer.lora_a, layer.lora_b]
    output_grad = mx.random.normal((2, 5, 8))

    def product(x: mx.array, a: mx.array, b: mx.array) -> mx.array:
        layer.lora_a, layer.lora_b = a, b
        return layer(x)

    def formula(x: mx.array, a: mx.array, b: mx.array) -> mx.array:
        return linear(x) + 0.5 * layer.dropout(x.reshape(10, 64)).reshape(x.shape) @ a @ b

    for training in (True, False):
        layer.train(training)
        mx.random.seed(7)
        (y,), grads = mx.vjp(product, inputs, [output_grad])
        mx.random.seed(7)
        (expected,), expected_grads = mx.vjp(formula, inputs, [output_grad])
        assert mx.allclose(y, expected, rtol=1e-5, atol=1e-5).item()
        for grad, expected_grad in zip(grads, expected_grads, strict=True):
            assert float(mx.abs(grad - expected_grad).max()) <= 1e-5 * float(mx.abs(expected_grad).max())


def test_it_starts_from_the_unchanged_model_within_pefts_bounds(model_folder: Path) -> None:
    model = load_base(model_folder)
    base_logits = model(TOKENS)
    adapters.attach(model, Adapter(rank=4))
    assert mx.array_equal(model(TOKENS), base_logits)
    for name, value in adapters.trainable_tensors(model).items():
        assert value.dtype == mx.float32
        if name.endswith("lora_a"):
            limit = 1 / np.sqrt(value.shape[0])
            assert limit * 0.8 < float(mx.abs(value).max()) <= limit
        else:
            assert float(mx.abs(value).max()) == 0


def test_alpha_is_twice_the_rank_unless_given(model_folder: Path) -> None:
    for o, scale in ((Adapter(rank=8), 2.0), (Adapter(rank=8, alpha=4.0), 0.5)):
        model = random_adapter_model(model_folder, o)
        assert model.model.layers[0].mlp.up_proj.scale == scale
        assert adapters.build_config(model, o, Model())["lora_parameters"]["scale"] == scale


def test_off_is_the_model_before_training(model_folder: Path) -> None:
    base_logits = load_base(model_folder)(TOKENS)
    model = random_adapter_model(model_folder, Adapter(rank=4))
    with adapters.disable(model):
        assert mx.array_equal(model(TOKENS), base_logits)
    assert float(mx.abs(model(TOKENS) - base_logits).max()) > 0.1


@pytest.mark.parametrize(
    ("targets", "num_blocks", "count"),
    [
        ("all", None, 14),
        ("all", 1, 7),
        ("attention", None, 8),
        ("q_proj, v_proj", None, 4),
        ("mlp.up_proj", 1, 1),
        ("*.mlp.*", None, 6),
        ("model.layers.1.*", None, 7),
        ("attention, *.down_proj", None, 10),
        ("all,embeddings", None, 15),
        ("embed_tokens", None, 1),
    ],
)
def test_which_layers(model_folder: Path, targets: str, num_blocks: int | None, count: int) -> None:
    assert len(find_target_layers(load_base(model_folder), targets, num_blocks)) == count


def test_a_layer_that_is_not_there_is_said(model_folder: Path) -> None:
    with pytest.raises(BadOption, match=r"has no linear layer 'qproj'; it has down_proj, embed_tokens, gate_proj"):
        find_target_layers(load_base(model_folder), "q_proj,qproj", None)


@pytest.mark.parametrize(
    "o",
    [
        Adapter(rank=4),
        Adapter(rank=3, alpha=5.0, targets="attention"),
        Adapter(rank=2, targets="q_proj,v_proj", layers=1),
    ],
)
def test_mlx_lm_loads_it_with_the_same_logits(model_folder: Path, tmp_path: Path, o: Adapter) -> None:
    from mlx_lm.utils import load as mlx_lm_load

    model = random_adapter_model(model_folder, o)
    save(model, o, tmp_path)
    mlx_lm_model, _ = mlx_lm_load(str(model_folder), adapter_path=str(tmp_path))
    assert float(mx.abs(mlx_lm_model(TOKENS) - model(TOKENS)).max()) < 1e-5
    reloaded = load_base(model_folder)
    adapters.load(reloaded, tmp_path)
    assert mx.array_equal(reloaded(TOKENS), model(TOKENS))


def save(model: nn.Module, o: Adapter, folder: Path) -> None:
    import json

    (folder / adapters.CONFIG).write_text(json.dumps(adapters.build_config(model, o, Model())))
    mx.save_safetensors(str(folder / adapters.WEIGHTS), adapters.trainable_tensors(model))


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_trained_run_is_an_adapter_folder_for_mlx_lms_command(make_run: Callable[..., Run], kind: str) -> None:
    run = make_run(adapter={"type": kind}, train={"steps": 2})
    list(train(run))
    words = ["-m", "mlx_lm", "generate", "--model", run.model.path, "--adapter-path", str(run.output)]
    process = subprocess.run(
        [sys.executable, *words, "--prompt", "What is 3?", "--max-tokens", "3"], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert "Generation: 3 tokens" in process.stdout or "Prompt:" in process.stdout


def test_going_on_from_an_adapter(make_run: Callable[..., Run]) -> None:
    first = make_run(output="first", train={"steps": 2})
    list(train(first))
    second = make_run(output="second", train={"steps": 2}, adapter={"init": str(first.output)})
    events: list[Any] = list(train(second))
    for options in ({"rank": 4}, {"alpha": 1.0}, {"rslora": True}):
        contradicting = make_run(output="other", train={"steps": 2}, adapter={"init": str(first.output), **options})
        with pytest.raises(BadOption, match="was trained with rank 16 and alpha 32; ask for the same, or leave both"):
            list(train(contradicting))
    contradicting = make_run(output="other", adapter={"init": str(first.output), "targets": "attention"})
    with pytest.raises(BadOption, match=r"has an adapter for model\.layers\.0\.mlp\.down_proj; leave targets and"):
        list(train(contradicting))
    contradicting = make_run(output="other", adapter={"init": str(first.output), "type": "dora"})
    with pytest.raises(BadOption, match="is a lora adapter: dora cannot go on from it"):
        list(train(contradicting))
    fresh_evaluations = [
        e for e in list(train(make_run(output="third", train={"steps": 2}))) if type(e).__name__ == "Evaluated"
    ]
    continued_evaluations = [e for e in events if type(e).__name__ == "Evaluated"]
    assert continued_evaluations[0].loss < fresh_evaluations[0].loss


def test_adapters_that_do_not_belong(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"holds no adapter: adapter_config\.json is missing"):
        adapters.load(load_base(model_folder), tmp_path)
    for read in (partial(adapters.load, load_base(model_folder)), read_base_model):
        with pytest.raises(BadModel, match=r"^There is no folder .*nowhere\.$"):
            read(tmp_path / "nowhere")
    o = Adapter(rank=4)
    model = random_adapter_model(model_folder, o)
    save(model, o, tmp_path)
    mx.save_safetensors(str(tmp_path / adapters.WEIGHTS), {"model.layers.9.mlp.up_proj.lora_a": mx.zeros((2, 2))})
    with pytest.raises(BadModel, match=r"another model: there is no layer model\.layers\.9\.mlp\.up_proj here"):
        adapters.load(load_base(model_folder), tmp_path)
    (tmp_path / adapters.WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(BadModel, match=r"adapters\.safetensors is no safetensors file"):
        adapters.load(load_base(model_folder), tmp_path)
    (tmp_path / adapters.CONFIG).write_text('{"model": ' + "[" * 9000)
    with pytest.raises(BadModel, match=r"holds no adapter: adapter_config\.json is broken"):
        read_base_model(tmp_path)
    with pytest.raises(BadModel, match="does not say which model its adapter was trained on"):
        next(find_source("teacher", str(tmp_path), None))


def test_full_fine_tuning_is_refused_over_packed_weights(model_folder: Path) -> None:
    model = load_base(model_folder)
    nn.quantize(model, group_size=32, bits=4)
    with pytest.raises(BadOption, match="Full fine-tuning needs an unquantized model"):
        adapters.attach(model, dataclasses.replace(Adapter(), type="full"))
