"""Packing whole models: what is packed and what is left, streaming from a file, training on top."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import pytest
from mlx.utils import tree_flatten, tree_unflatten

from core import quant
from core.errors import BadModel, BadOption
from core.quant import MODES, PackedExperts, PackedLinear, fourbit, int8, packed, quantize_model
from core.resources import STARTER

MODEL = {
    "model_type": "qwen3",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 128,
    "rope_theta": 10000.0,
    "vocab_size": 64,
    "tie_word_embeddings": False,
}


def tiny(kind: str = "qwen3", **changes: Any) -> nn.Module:
    """A model with random weights: two blocks of seven linear layers, an embedding, an output layer."""
    import importlib

    module = importlib.import_module(f"mlx_lm.models.{kind}")
    mx.random.seed(11)
    return module.Model(module.ModelArgs.from_dict({**MODEL, "model_type": kind, **changes}))


def load_starter() -> nn.Module:
    """The model that ships with Hone, its weights not read yet; in float32, which is what a CPU computes in."""
    from mlx_lm.utils import load_model

    model, _ = load_model(STARTER, lazy=True)
    model.set_dtype(mx.float32)
    return model


@pytest.mark.parametrize(("mode", "double"), [("nf4", False), ("nf4", True), ("fp4", False), ("int8", False)])
def test_linear_layers_inside_blocks_are_packed_and_the_rest_is_told(mode: str, double: bool) -> None:
    model = tiny()
    dense = {k: mx.array(v) for k, v in tree_flatten(model.parameters())}
    summary = quantize_model(model, mode, double=double)
    layers = {name: m for name, m in model.named_modules() if isinstance(m, PackedLinear)}
    assert len(layers) == 14 and all(name.startswith("model.layers.") for name in layers)
    assert summary.unpacked == {
        "lm_head": "it is left as it is by choice",
        "model.embed_tokens": "embeddings stay as they are",
    }
    assert summary.mode == mode and summary.double == double and summary.layers == 14
    assert (summary.bits, summary.block) == (MODES[mode].bits, MODES[mode].block)
    assert summary.bytes_before == sum(v.nbytes for v in dense.values())
    assert summary.bytes_after == sum(v.nbytes for _, v in tree_flatten(model.parameters()))
    name = "model.layers.1.mlp.down_proj"
    expected = quant.dequantize(quant.quantize(dense[f"{name}.weight"], mode, double=double))
    assert mx.array_equal(quant.linear_weight(layers[name]), expected)
    assert quant.count_weights(model) == sum(v.size for v in dense.values())
    assert not any(k.startswith(tuple(layers)) for k, _ in tree_flatten(model.trainable_parameters()))


@pytest.mark.parametrize("mode", ["affine-4", "mxfp4", "nvfp4", "mxfp8"])
def test_mlx_formats_are_mlx_layers(mode: str) -> None:
    model, reference = tiny(), tiny()
    summary = quantize_model(model, mode)
    info = MODES[mode]
    fits = {name for name, m in reference.named_modules() if isinstance(m, nn.Linear) and m.weight.shape[1] != 96}
    nn.quantize(reference, info.block, info.bits, mode=info.mlx, class_predicate=lambda name, _: name in fits)
    modules, expected = dict(model.named_modules()), dict(reference.named_modules())
    layers = [name for name, m in modules.items() if isinstance(m, nn.QuantizedLinear)]
    # Rows of 96 inputs: MLX cannot pack them in groups of 64.
    assert len(layers) == summary.layers == (12 if info.block == 64 else 14)
    for name in fits.intersection(layers):
        assert modules[name].mode == info.mlx and modules[name].bits == info.bits
        assert mx.array_equal(modules[name].weight, expected[name].weight)
        assert mx.array_equal(modules[name].scales, expected[name].scales)
    if info.block == 64:
        reason = summary.unpacked["model.layers.0.mlp.down_proj"]
        assert reason == "affine-4 packs rows in groups of 64, and 96 inputs are no multiple of that"
    x = mx.array([[1, 2, 3]])
    assert mx.abs(model(x) - tiny()(x)).max().item() < 1


def test_biases_stay() -> None:
    model = tiny("qwen2")
    bias = mx.random.normal((64,))
    model.layers[0].self_attn.q_proj.bias = bias
    quantize_model(model, "nf4")
    assert mx.array_equal(model.layers[0].self_attn.q_proj.bias, bias)
    model = tiny("qwen2")
    model.layers[0].self_attn.q_proj.bias = bias
    quantize_model(model, "affine-4")
    assert mx.array_equal(model.layers[0].self_attn.q_proj.bias, bias)


MOE = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 64,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "norm_topk_prob": True,
}


@pytest.mark.parametrize("mode", ["nf4", "int8", "affine-4"])
def test_experts_are_packed_and_routers_stay(mode: str) -> None:
    model = tiny("qwen3_moe", **MOE)
    weights = mx.array(model.layers[0].mlp.switch_mlp.up_proj.weight)
    summary = quantize_model(model, mode)
    assert summary.layers == 14 and summary.unpacked["model.layers.0.mlp.gate"] == "it is left as it is by choice"
    assert model(mx.array([[1, 2, 3]])).shape == (1, 3, 64)
    assert quant.count_weights(model) == quant.count_weights(tiny("qwen3_moe", **MOE))
    layer = model.layers[0].mlp.switch_mlp.up_proj
    if mode != "affine-4":
        assert isinstance(layer, PackedExperts)
        alone = [quant.dequantize(quant.quantize(w, mode)) for w in weights]
        assert mx.allclose(layer.unpacked(mx.float32), mx.stack(alone), atol=1e-6)


def test_packed_experts_give_the_dense_layers_values_and_gradient() -> None:
    from mlx_lm.models.switch_layers import SwitchLinear

    mx.random.seed(3)
    plain = SwitchLinear(64, 48, 4, bias=True)
    plain.bias = mx.random.normal((4, 48))
    layer = PackedExperts.from_experts(plain, "nf4", double=True)
    plain.weight = layer.unpacked(mx.float32)
    x, experts = mx.random.normal((2, 5, 1, 1, 64)), mx.random.randint(0, 4, (2, 5, 2))
    assert mx.allclose(layer(x, experts), plain(x, experts), atol=1e-5)

    def total(layer: nn.Module, x: mx.array) -> mx.array:
        return mx.square(layer(x, experts)).sum()

    gradient, expected = (mx.grad(lambda x, m=m: total(m, x))(x) for m in (layer, plain))
    assert (mx.linalg.norm(gradient - expected) / mx.linalg.norm(expected)).item() < 1e-5
    assert layer.trainable_parameters() == {}


def test_mistakes_are_said_in_one_sentence() -> None:
    model = tiny()
    with pytest.raises(BadOption, match="There is no quantization 'int4'"):
        quantize_model(model, "int4")
    model.layers[1].mlp.up_proj.weight = mx.full((96, 64), float("nan"))
    with pytest.raises(BadModel, match=r"^The layer model.layers.1.mlp.up_proj cannot be packed as int8: it holds num"):
        quantize_model(model, "int8")
    model = tiny()
    quantize_model(model, "nf4")
    with pytest.raises(BadModel, match="already quantized"):
        quantize_model(model, "fp4")
    narrow = tiny(hidden_size=32, intermediate_size=40, head_dim=12)
    with pytest.raises(BadModel, match=r"None of the model's layers can be packed as affine-4 \(.*groups of 64"):
        quantize_model(narrow, "affine-4", skip=())


class Wide(nn.Module):
    """Enough weight that one layer is little beside all of them."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.layers = [nn.Linear(width, width, bias=False) for _ in range(count)]


@pytest.mark.parametrize("mode", ["nf4", "int8", "affine-4"])
def test_weights_are_read_and_packed_one_at_a_time(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for codec in (fourbit, int8, packed):
        monkeypatch.setattr(codec, "_TILE", 1 << 14)  # as small beside a layer as it is in a large model
    count, width = 24, 512
    file = str(tmp_path / "wide.safetensors")
    weights = {f"layers.{i}.weight": mx.random.normal((width, width)).astype(mx.bfloat16) for i in range(count)}
    mx.save_safetensors(file, weights)
    del weights
    model = Wide(count, width)
    model.load_weights(file)  # lazy: nothing is read before it is needed
    model.update(tree_unflatten([(k, v.astype(mx.float32)) for k, v in tree_flatten(model.parameters())]))
    mx.clear_cache()
    start_bytes = mx.get_active_memory()
    mx.reset_peak_memory()
    summary = quantize_model(model, mode)
    peak = mx.get_peak_memory() - start_bytes
    layer = 4 * width * width  # in float32, as it is computed with
    assert summary.bytes_before == count * layer
    # One layer as stored and in float32, its packed parts before they are joined, and what tiles need on the way.
    assert peak < summary.bytes_after + 2.5 * layer, peak / layer
    assert mx.get_active_memory() - start_bytes < 1.05 * summary.bytes_after


class Adapted(nn.Module):
    """A LoRA adapter, here a small one of the test's own so that only the layer below it is under test."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear
        inputs, outputs = quant.linear_dims(linear)
        self.lora_a = mx.random.uniform(-(inputs**-0.5), inputs**-0.5, (inputs, 4))
        self.lora_b = mx.zeros((4, outputs))

    def __call__(self, x: mx.array) -> mx.array:
        return self.linear(x) + 2 * ((x @ self.lora_a) @ self.lora_b)


USUAL = ("nf4", "fp4", "int8", "affine-4", "mxfp4")


@pytest.mark.parametrize(
    "mode", [mode if mode in USUAL else pytest.param(mode, marks=pytest.mark.slow) for mode in MODES]
)
def test_the_starter_model_learns_on_a_packed_base(mode: str) -> None:
    model = load_starter()
    dense = load_starter()
    summary = quantize_model(model, mode)
    assert set(summary.unpacked) == {"model.embed_tokens"} and summary.layers == 42
    packed_bytes = summary.bytes_after - model.model.embed_tokens.weight.nbytes
    weights = sum(v.size for k, v in tree_flatten(dense.parameters()) if "proj" in k)
    # Norms stay; affine's scales are as wide as the weights were, here 32 bits; int8 has a scale for each row.
    extra = {"affine": 0.5, "": 0.3}.get(MODES[mode].mlx, 0.05)
    assert packed_bytes * 8 / weights == pytest.approx(MODES[mode].stored_bits() + extra, abs=0.3)

    tokens = mx.random.randint(0, 2048, (4, 24), key=mx.random.key(12))
    if MODES[mode].bits >= 4:
        logits, expected = model(tokens), dense(tokens)
        assert (mx.linalg.norm(logits - expected) / mx.linalg.norm(expected)).item() < (
            0.08 if MODES[mode].bits == 8 else 0.35
        )

    model.freeze()
    linear = {name: m for name, m in model.named_modules() if quant.is_linear(m)}
    assert len(linear) == 42
    mx.random.seed(13)
    model.update_modules(tree_unflatten([(name, Adapted(m)) for name, m in linear.items()]))
    optimizer = optim.Adam(learning_rate=5e-3, bias_correction=True)

    def loss(tokens: mx.array) -> mx.array:
        return nn.losses.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:], reduction="mean")

    losses = []
    for _ in range(3):
        value, grads = nn.value_and_grad(model, loss)(tokens)
        optimizer.update(model, grads)
        mx.eval(model.trainable_parameters(), optimizer.state, value)
        losses.append(value.item())
    flat = dict(tree_flatten(grads))
    assert len(flat) == 84 and all(mx.abs(g).max().item() > 0 for g in flat.values())
    assert losses[-1] < losses[0] - 0.5, losses
