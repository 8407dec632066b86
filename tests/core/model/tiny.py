"""Small random models of mlx-lm's architectures."""

import importlib
from typing import Any

import mlx.core as mx
import mlx.nn as nn

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    # MLX's kernel for rotary embeddings on CUDA takes no narrower heads with a position for every token.
    "head_dim": 64 if mx.cuda.is_available() else 8,
    "rms_norm_eps": 1e-6,
    "vocab_size": 256,
    "rope_theta": 10000.0,
    "max_position_embeddings": 512,
}
OWN: dict[str, dict[str, Any]] = {
    "qwen3": {"tie_word_embeddings": True},
    "llama": {},
    "mistral": {},
    "qwen2": {},
    "gemma2": {"query_pre_attn_scalar": 8},
    "mistral-window": {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]},
    "gpt_oss": {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8, "rope_scaling": None},
    "mamba": {
        "state_size": 4, "conv_kernel": 4, "use_bias": False, "use_conv_bias": True, "time_step_rank": 4,
        "tie_word_embeddings": True,
    },
    "gpt2": {
        "n_ctx": 64, "n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 64, "layer_norm_epsilon": 1e-5,
        "num_key_value_heads": 4,
    },
}  # fmt: skip


def tiny(family: str, **changes: Any) -> nn.Module:
    """A small random model of an architecture of mlx-lm."""
    kind = family.partition("-")[0].replace("mistral", "llama")
    module = importlib.import_module(f"mlx_lm.models.{kind}")
    config = {"model_type": kind, **SHAPE, **OWN[family], **changes}
    mx.random.seed(2)
    model: nn.Module = module.Model(module.ModelArgs.from_dict(config))
    mx.eval(model.parameters())
    return model
