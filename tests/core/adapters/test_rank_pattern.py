"""Adapters whose rank and strength differ from layer to layer: PEFT's patterns, what mlx-lm loads, and the way back."""

import json
import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from safetensors.numpy import load_file

from core import adapters
from core.adapters.rank_pattern import (
    RankScale,
    common_rank_scale,
    describe_exceptions,
    from_peft,
    from_uniform,
    to_peft,
    to_uniform,
)
from core.errors import BadModel, BadOption
from core.export import to_peft as export
from core.model.load import load
from core.run import Adapter, Model

REFERENCE = Path(__file__).parents[2] / "reference"
PATTERNS, DORA = REFERENCE / "peft" / "patterns", REFERENCE / "peft" / "dora-patterns"
TOKENS = mx.array([json.loads((REFERENCE / "peft.json").read_text(encoding="utf-8"))["tokens"]])
Q_PROJ, UP_PROJ = "model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"


def test_patterns_match_the_ends_of_names() -> None:
    ranks = {"q_proj": 8, r"layers\.1\.mlp\..*": 2}
    saved = {"r": 4, "lora_alpha": 12, "rank_pattern": ranks, "alpha_pattern": {"up_proj": 6}}
    names = [Q_PROJ, UP_PROJ, "model.layers.0.mlp.up_proj", "model.layers.0.self_attn.my_q_proj"]
    layers = from_peft(saved, names, rslora=False)
    # A pattern begins at a dot: my_q_proj is another layer.
    assert layers == dict(
        zip(names, [RankScale(8, 1.5), RankScale(2, 3.0), RankScale(4, 1.5), RankScale(4, 3.0)], strict=True)
    )
    assert from_peft(saved, [UP_PROJ], rslora=True)[UP_PROJ].scale == pytest.approx(6 / 2**0.5)


def test_patterns_come_out_as_they_came_in() -> None:
    layers = {Q_PROJ: RankScale(8, 2.0), UP_PROJ: RankScale(4, 2.0), UP_PROJ.replace("1", "0"): RankScale(4, 3.0)}
    peft_config = to_peft(layers, rslora=False)
    assert (peft_config["r"], peft_config["rank_pattern"]) == (4, {"q_proj": 8})
    assert from_peft(peft_config, layers, rslora=False) == layers
    assert to_peft(dict.fromkeys(layers, RankScale(4, 2.0)), rslora=False) == {"r": 4, "lora_alpha": 8}


def test_one_rank_and_scale_give_the_same_product() -> None:
    layers = {"a": RankScale(1, 3.0), "b": RankScale(2, 2.0), "c": RankScale(1, 2.0)}
    tensors = {"a.lora_a": mx.array([[1.0], [2.0]]), "a.lora_b": mx.array([[4.0, 8.0]])}
    assert common_rank_scale(layers) == (2, 2.0)
    uniform = to_uniform(tensors, layers)
    assert uniform["a.lora_a"].tolist() == [[1, 0], [2, 0]] and uniform["a.lora_b"].tolist() == [[6, 12], [0, 0]]
    saved = {"lora_parameters": {"rank": 2, "scale": 2.0}, **describe_exceptions(layers)}
    restored = from_uniform(uniform, saved)
    assert all(mx.array_equal(restored[key], value) for key, value in tensors.items())


@pytest.mark.parametrize("source", [PATTERNS, DORA])
def test_mlx_lm_and_peft_get_the_same_model(source: Path, tmp_path: Path) -> None:
    from mlx_lm.utils import load as mlx_lm_load

    base = REFERENCE / "models" / json.loads((source / adapters.CONFIG).read_text())["base_model_name_or_path"]
    model = load(base, "float32", device="cpu").model
    options = Adapter(init=str(source))
    adapters.attach(model, options)
    model.eval()
    expected = load_file(source.parent / f"{source.name}.safetensors")["logits"]
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = adapters.build_config(model, options, Model(path=str(base)))
    (folder / adapters.CONFIG).write_text(json.dumps(config))
    mx.save_safetensors(str(folder / adapters.WEIGHTS), adapters.saved_tensors(model))
    assert config["each_layer"] == adapters.resolved_options(model, options)["each_layer"]
    mlx_lm_model, _ = mlx_lm_load(str(base), adapter_path=str(folder))
    mlx_lm_model.eval()
    assert np.abs(np.array(mlx_lm_model(TOKENS)[0, -2:]) - expected).max() < 1e-4
    list(export(folder, tmp_path / "peft"))
    source_adapter, exported_adapter = adapters.read(source), adapters.read(tmp_path / "peft")
    for key in ("each_layer", "fine_tune_type"):
        assert exported_adapter[0][key] == source_adapter[0][key]
    assert source_adapter[1].keys() == exported_adapter[1].keys()
    assert all(mx.allclose(source_adapter[1][k], exported_adapter[1][k], rtol=1e-6, atol=0) for k in source_adapter[1])


def test_what_cannot_be_gone_on_from_is_said(tmp_path: Path) -> None:
    model = load(REFERENCE / "models" / "llama-tiny", "float32", device="cpu").model
    with pytest.raises(BadOption, match=r"differ in rank or strength: leave rank and alpha out\."):
        adapters.attach(model, Adapter(init=str(PATTERNS), rank=4))
    folder = tmp_path / "adapter"
    shutil.copytree(PATTERNS, folder)
    config = json.loads((folder / adapters.CONFIG).read_text())
    (folder / adapters.CONFIG).write_text(json.dumps(config | {"modules_to_save": ["lm_head", "norm"]}))
    with pytest.raises(BadModel, match=r"names lm_head and norm as held whole \(modules_to_save\), and has no weights"):
        adapters.read(folder)
    (folder / adapters.CONFIG).write_text(json.dumps(config | {"rank_pattern": {"q_proj": "many"}}))
    with pytest.raises(BadModel, match="does not say its rank and alpha"):
        adapters.read(folder)
