"""Models as transformers 5 saves them: the settings that mlx-lm's classes look for under older names.

The logits to compare with are those of transformers 5.24.0 in float32 for the same weights, which follow a rule.
"""

import importlib
import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten

from core.adapters import full
from core.errors import BadModel
from core.model.attention_window import describe_ignored_window, find_ignored_window
from core.model.config_names import settings_by_older_names
from core.model.load import load
from tests.core.conftest import write_model, write_tokenizer
from tests.core.model import zoo
from tests.core.model.test_load import change

TOKENS = [[5, 9, 30, 41, 7, 22, 3, 17, 48, 12, 33]]
SHAPE: dict[str, Any] = {
    "vocab_size": 50, "hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 8, "rms_norm_eps": 1e-6, "max_position_embeddings": 64, "sliding_window": 8,
    "layer_types": ["sliding_attention", "full_attention"],
}  # fmt: skip
SLIDING = {"rope_theta": 10000.0, "rope_type": "default"}
GEMMA3 = SHAPE | {
    "model_type": "gemma3_text", "query_pre_attn_scalar": 8, "_sliding_window_pattern": 2,
    "rope_parameters": {
        "full_attention": {"rope_theta": 1e6, "rope_type": "default"}, "sliding_attention": SLIDING,
    },
}  # fmt: skip
GEMMA4 = SHAPE | {
    "model_type": "gemma4_text", "per_layer_config": {"1": {"head_dim": 16}}, "hidden_size_per_layer_input": 0,
    "num_kv_shared_layers": 0, "vocab_size_per_layer_input": 50, "use_double_wide_mlp": False,
    "final_logit_softcapping": None, "num_experts": None,
    "rope_parameters": {
        "full_attention": {"partial_rotary_factor": 0.25, "rope_theta": 1e6, "rope_type": "proportional"},
        "sliding_attention": SLIDING,
    },
}  # fmt: skip


def write(folder: Path, config: dict[str, Any]) -> Path:
    """A model whose weights follow a rule that PyTorch can follow as well."""
    folder.mkdir()
    write_tokenizer(folder)
    (folder / "config.json").write_text(json.dumps(config))
    module = importlib.import_module(f"mlx_lm.models.{config['model_type']}")
    model = module.Model(module.ModelArgs.from_dict(config | settings_by_older_names(config)))
    weights = {}
    for name, value in tree_flatten(model.parameters()):
        if name == "lm_head.weight" or name.endswith("layer_scalar"):
            continue
        waves = np.sin(1 + np.arange(value.size) * (0.7 + 0.01 * len(name)))
        scaled = waves * (0.1 if value.ndim == 1 else 1.5 / value.shape[-1] ** 0.5)
        weights[name] = mx.array(scaled.astype(np.float32).reshape(value.shape))
    weights |= {n: v for n, v in tree_flatten(model.parameters()) if n.endswith("layer_scalar")}
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    return folder


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (GEMMA3, [-2.300523, -2.459985, -2.39841, -2.121332, -1.653647]),
        (GEMMA4, [-0.037947, -0.036914, -0.032564, -0.025288, -0.01574]),
    ],
    ids=["gemma3", "gemma4"],
)
def test_gemmas_logits_are_those_of_transformers(config: dict[str, Any], expected: list[float], tmp_path: Path) -> None:
    """Gemma 3 has the exact root of its width in float32 (mlx-lm: rounded to bfloat16), and Gemma 4 is not taken for a
    model with wrong rotary positions."""
    model = load(write(tmp_path / "m", config), "float32", device="cpu").model
    assert model(mx.array(TOKENS))[0, -1, :5].tolist() == pytest.approx(expected, abs=3e-6)


def test_a_gemma_3_of_sliding_layers_alone_is_not_refused(tmp_path: Path) -> None:
    layers = {"layer_types": ["sliding_attention"] * 2, "_sliding_window_pattern": 6}
    model = load(write(tmp_path / "m", GEMMA3 | layers), "float32", device="cpu").model
    assert {layer.self_attn.rope.base for layer in model.layers} == {10000.0}


def test_in_bfloat16_gemma_3_is_scaled_as_by_mlx_lm(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", GEMMA3)
    model = load(folder, "bfloat16", device="cpu").model
    body, tokens = model.model, mx.array(TOKENS)
    own = type(body).__mro__[2]  # mlx-lm's class
    assert mx.array_equal(body(tokens), own.__call__(body, tokens))


def test_gemma_4s_fixed_numbers_are_not_trained(tmp_path: Path) -> None:
    model = load(write(tmp_path / "m", GEMMA4), "float32", device="cpu").model
    full.attach(model)
    trained = {name for name, _ in tree_flatten(model.trainable_parameters())}
    everything = {name for name, _ in tree_flatten(model.parameters())}
    assert everything - trained == {"model.layers.0.layer_scalar", "model.layers.1.layer_scalar"}


def test_the_number_of_experts_under_its_newer_name(tmp_path: Path) -> None:
    old, new = zoo.write(tmp_path / "old", "qwen3_moe"), zoo.write(tmp_path / "new", "qwen3_moe")
    change(new, num_experts=None, num_local_experts=4)
    a, b = (load(f, device="cpu").model(mx.array(TOKENS)) for f in (old, new))
    assert mx.array_equal(a, b)


def test_the_rotated_share_inside_rope_parameters(tmp_path: Path) -> None:
    old, new = zoo.write(tmp_path / "old", "phi4"), zoo.write(tmp_path / "new", "phi4")
    parameters = {"partial_rotary_factor": 0.75, "rope_theta": 10000.0, "rope_type": "default"}
    change(new, partial_rotary_factor=None, rope_theta=None, rope_parameters=parameters)
    a, b = (load(f, device="cpu").model(mx.array(TOKENS)) for f in (old, new))
    assert mx.array_equal(a, b)


def test_a_class_that_rotates_another_share_is_told(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", head_dim=16)
    load(folder, device="cpu")
    change(folder, partial_rotary_factor=0.5)  # which mlx-lm's Llama does not read
    with pytest.raises(
        BadModel, match=r"rotary positions on 8 numbers of each head, but mlx-lm's class for \w+ rotates 16"
    ):
        load(folder, device="cpu")


def test_a_share_of_something_else_is_no_reason_to_refuse(tmp_path: Path) -> None:
    whole, latent = write_model(tmp_path / "whole", head_dim=16), zoo.write(tmp_path / "latent", "deepseek_v3")
    change(whole, partial_rotary_factor=1.0)
    change(latent, partial_rotary_factor=0.5)
    for folder in (whole, latent):
        load(folder, device="cpu")


def test_a_text_model_saved_by_itself_has_a_name_of_its_own() -> None:
    text = {"model_type": "qwen3_5_text", "hidden_size": 64}
    assert settings_by_older_names(text)["model_type"] == "qwen3_5"


def test_texts_beyond_a_window_that_mlx_lm_ignores_are_told(tmp_path: Path) -> None:
    folder = zoo.write(tmp_path / "m", "mistral")
    model = load(folder, device="cpu").model
    config = json.loads((folder / "config.json").read_text())
    assert find_ignored_window(model, config) is None  # null in its config
    config["sliding_window"] = 20
    assert describe_ignored_window(model, config, 20) == ""
    note = describe_ignored_window(model, config, 1021)
    assert "attends to the last 20 tokens" in note and "up to 1,021 tokens" in note
    assert find_ignored_window(model, config | {"use_sliding_window": False}) is None
    assert find_ignored_window(model, config | {"model_type": "qwen2"}) is None  # off where nothing is said
    keeping = zoo.write(tmp_path / "n", "cohere2")
    assert find_ignored_window(load(keeping, device="cpu").model, {"sliding_window": 20}) is None
