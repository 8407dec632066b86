"""Small blocks of every family that the Neural Engine takes, and what a program gives for them."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models import llama, qwen2, qwen3

from core.adapters.layers import wrap_layers
from core.adapters.rank_pattern import RankScale
from core.ane import block as ane_block
from core.ane.feed import feed
from core.ane.program import ChunkSpec, chunk_spec, save_program
from tests.core.ane.evaluator import Evaluator

LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
FAMILIES = {"llama": llama, "mistral": llama, "qwen2": qwen2, "qwen3": qwen3}


def tiny_model(family: str, *, blocks: int = 1, heads: int = 4, kv_heads: int = 2, **changes: Any) -> nn.Module:
    """A model with random weights in float32; head_dim 16 unless the hidden size says otherwise."""
    config = {
        "model_type": family, "hidden_size": 64, "num_hidden_layers": blocks, "intermediate_size": 96,
        "num_attention_heads": heads, "num_key_value_heads": kv_heads, "rms_norm_eps": 1e-6, "vocab_size": 64,
        "max_position_embeddings": 2048, "rope_theta": 10000.0, "tie_word_embeddings": True, "head_dim": 64 // heads,
        **changes,
    }  # fmt: skip
    module = FAMILIES[family]
    mx.random.seed(3)
    model = module.Model(module.ModelArgs.from_dict(config))
    for _, m in model.named_modules():  # norms of one would hide a missing weight
        if isinstance(m, nn.RMSNorm):
            m.weight = mx.random.uniform(0.5, 1.5, m.weight.shape)
        elif isinstance(m, nn.Linear) and "bias" in m:
            m.bias = 0.3 * mx.random.normal(m.bias.shape)
    return model


def add_lora(model: nn.Module, rank: int = 8, only: tuple[str, ...] = tuple(ane_block.LINEARS), first: int = 0) -> Any:
    """LoRA with nonzero factors on these linears of every block from the first on."""
    layers = {
        name: m for name, m in model.named_modules()
        if any(name.endswith(ane_block.LINEARS[linear][1]) for linear in only)
        and int(name.split(".")[2]) >= first
    }  # fmt: skip
    wrap_layers(model, layers, "lora", dict.fromkeys(layers, RankScale(rank, 2.0)), 0.0)
    for name in layers:
        layer = dict(model.named_modules())[name]
        layer.lora_b = 0.05 * mx.random.normal(layer.lora_b.shape)
    mx.eval(model.parameters())
    return model


def compile_chunk(blocks: list[nn.Module], spec: ChunkSpec, folder: Path) -> Evaluator:
    """The saved program of the blocks, read back."""
    package = folder / "chunk.mlpackage"
    save_program(blocks, spec, package)
    return Evaluator(package)


def mlx_outputs(blocks: list[nn.Module], x: mx.array) -> list[mx.array]:
    """What each block gives for x [1, length, hidden], in turn."""
    outputs = []
    for block in blocks:
        x = block(x, "causal", None)
        outputs.append(x)
    return outputs


def relative_error(got: Any, want: Any) -> float:
    """Largest difference, as a share of the largest value."""
    a, b = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return float(np.abs(a - b).max() / np.abs(b).max())


def program_output(blocks: list[nn.Module], x: mx.array, folder: Path, dtype: type, length: int = 128) -> Any:
    """(the chunk's output [1, n, hidden] for x [1, n, hidden], the evaluator)."""
    spec = chunk_spec(blocks, length, dtype=dtype)
    evaluator = compile_chunk(blocks, spec, folder)
    out = evaluator.run(feed(blocks, spec, x))[spec.outputs[-1]]
    return out[:, :, 0, : x.shape[1]].swapaxes(1, 2), evaluator
