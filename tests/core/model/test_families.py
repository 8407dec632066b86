"""Every family that people train: load, add an adapter, one step, a gradient in every tensor, save, load, same logits.

The default run takes each family once, the precisions in turn; with -m slow it takes all of them with all.
"""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from core import adapters
from core.errors import BadModel
from core.model import families
from core.model.load import load
from core.run import Adapter, Model
from core.training import optimizers
from tests.core.model import zoo

MODES = ("none", "nf4", "affine-4", "int8", "mxfp4", "fp4")
PAIRS = [
    pytest.param(family, mode, marks=() if i % len(MODES) == n else pytest.mark.slow)
    for i, family in enumerate(zoo.FAMILIES)
    for n, mode in enumerate(MODES)
]


@pytest.mark.parametrize(("family", "mode"), PAIRS)
def test_it_learns_and_comes_back(family: str, mode: str, tmp_path: Path) -> None:
    folder = zoo.write(tmp_path / "model", family)
    base, o = Model(path=str(folder), quantization=mode), Adapter(rank=2)
    model = load(folder, device="cpu", quantization=mode).model
    adapters.attach(model, o)
    mx.random.seed(8)
    for name, value in adapters.trainable_tensors(model).items():  # B starts at zero, where A has no gradient yet
        model.load_weights([(name, mx.random.normal(value.shape) * 0.2)], strict=False)
    tokens = mx.random.randint(0, 280, (2, 48))

    def loss(tokens: mx.array) -> mx.array:
        return nn.losses.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:], reduction="mean")

    model.train()
    value, gradients = nn.value_and_grad(model, loss)(tokens)
    grads = dict(tree_flatten(gradients))
    assert grads.keys() == adapters.trainable_tensors(model).keys() and len(grads) >= 16
    assert [name for name, g in grads.items() if not mx.abs(g).max().item() > 0] == []
    optimizers.build("sgd", 0.0, False).update(model, gradients)
    assert mx.isfinite(value).item()

    model.eval()
    logits = model(tokens)
    (tmp_path / adapters.CONFIG).write_text(json.dumps(adapters.build_config(model, o, base)))
    mx.save_safetensors(str(tmp_path / adapters.WEIGHTS), adapters.trainable_tensors(model))
    packed = adapters.read_base_precision(tmp_path)
    reloaded = load(folder, device="cpu", quantization=packed.quantization, double=packed.double).model
    adapters.load(reloaded, tmp_path)
    reloaded.eval()
    assert mx.array_equal(reloaded(tokens), logits)


@pytest.mark.parametrize("family", ["llama4", "gemma3", "qwen3_moe", "deepseek_v3", "nemotron_h"])
def test_mlx_lm_finds_the_same_layers(family: str, tmp_path: Path) -> None:
    from mlx_lm.tuner.utils import load_adapters

    folder = zoo.write(tmp_path / "model", family)
    model = load(folder, device="cpu").model
    adapters.attach(model, Adapter(rank=2))
    for name, value in adapters.trainable_tensors(model).items():
        model.load_weights([(name, mx.random.normal(value.shape) * 0.2)], strict=False)
    (tmp_path / adapters.CONFIG).write_text(json.dumps(adapters.build_config(model, Adapter(rank=2), Model())))
    mx.save_safetensors(str(tmp_path / adapters.WEIGHTS), adapters.trainable_tensors(model))
    by_mlx_lm = load_adapters(load(folder, device="cpu").model, str(tmp_path))
    tokens = mx.array([[3, 5, 7, 11]])
    assert mx.allclose(by_mlx_lm(tokens), model(tokens), atol=1e-4)


def test_every_family_of_the_table_is_tried() -> None:
    in_zoo = {json.loads(json.dumps(own)).get("model_type", name) for name, own in zoo.FAMILIES.items()}
    in_table = {kind for f in families.FAMILIES if not f.unsupported for kind in f.kinds}
    assert in_zoo <= in_table
    # The others are the same classes under the names of their text parts, or with experts as qwen3_next has them.
    assert in_table - in_zoo == {"llama4_text", "gemma4_text", "qwen3_5_text", "qwen3_5_moe"}


def test_what_is_told_of_a_family() -> None:
    assert families.describe_support("llama") == ("tried", "")
    assert families.describe_support("gemma2")[1].startswith("Rows are not packed")
    level, sentence = families.describe_support("bitnet")
    assert level == "unsupported" and sentence.startswith("BitNet cannot be trained: its layers")
    level, sentence = families.describe_support("glm4")
    assert level == "untried" and "may well work" in sentence


def test_what_cannot_be_trained_is_refused_and_what_is_untried_is_told(tmp_path: Path) -> None:
    folder = zoo.write(tmp_path / "model", "llama")
    loaded = load(folder, device="cpu")
    assert loaded.notes == []
    loaded.model.model_type = "bitnet"
    with pytest.raises(BadModel, match="BitNet cannot be trained: its layers compute in a kernel"):
        adapters.attach(loaded.model, Adapter())
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "seed_oss", "attention_out_bias": False}
    (folder / "config.json").write_text(json.dumps({**config, "attention_bias": False, "mlp_bias": False}))
    notes = load(folder, device="cpu").notes
    assert notes == ["The architecture seed_oss is not among those that are tried; it may well work."]
