"""A tiny random model of each family that people train, in a folder as it would come from elsewhere."""

import importlib
import json
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten

from tests.core.conftest import write_tokenizer

# Widths that every format can pack: groups of 64 and of 32.
COMMON: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "max_position_embeddings": 512,
    "vocab_size": 320,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "decoder_sparse_step": 1,
           "mlp_only_layers": [], "norm_topk_prob": True}  # fmt: skip
LINEAR = {"linear_num_value_heads": 2, "linear_num_key_heads": 2, "linear_key_head_dim": 32,
          "linear_value_head_dim": 32, "linear_conv_kernel_dim": 4, "full_attention_interval": 2,
          "partial_rotary_factor": 0.5, "shared_expert_intermediate_size": 64}  # fmt: skip


def _inner(kind: str, **own: Any) -> dict[str, Any]:
    """A family whose settings lie in text_config."""
    return {"text_config": {**COMMON, "model_type": kind, **own}}


FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"tie_word_embeddings": False},
    "llama4": _inner(
        "llama4_text", num_hidden_layers=4, attention_bias=False, attention_chunk_size=128, interleave_moe_layer_step=1,
        intermediate_size_mlp=128, intermediate_size=64, num_experts_per_tok=1, num_local_experts=4, rope_scaling=None,
        use_qk_norm=True,
    ),
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {"tie_word_embeddings": True},
    "qwen3_moe": {**EXPERTS, "tie_word_embeddings": False},
    "qwen3_next": {**EXPERTS, **LINEAR},
    "qwen3_5": _inner(
        "qwen3_5_text", **LINEAR, tie_word_embeddings=True,
        rope_parameters={"type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
    ),
    "gemma2": {"query_pre_attn_scalar": 16, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    "gemma3_text": {"query_pre_attn_scalar": 16, "sliding_window": 32, "sliding_window_pattern": 2},
    "gemma3": {**_inner("gemma3_text", query_pre_attn_scalar=16, sliding_window=32, sliding_window_pattern=2),
               "vocab_size": 320},
    "gemma4": {
        **_inner(
            "gemma4_text", global_head_dim=32, vocab_size_per_layer_input=320, num_kv_shared_layers=0,
            hidden_size_per_layer_input=64, sliding_window=32, sliding_window_pattern=2,
            layer_types=["sliding_attention", "full_attention"], use_double_wide_mlp=False,
        ),
        "vocab_size": 320,
    },
    "mistral": {"sliding_window": None},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "phi3": {},
    "phi4": {"model_type": "phi3", "partial_rotary_factor": 0.75},
    "deepseek_v3": {
        "moe_intermediate_size": 64, "n_shared_experts": 1, "n_routed_experts": 4, "kv_lora_rank": 64,
        "q_lora_rank": 64, "qk_rope_head_dim": 16, "v_head_dim": 16, "qk_nope_head_dim": 16,
        "num_experts_per_tok": 2, "first_k_dense_replace": 1, "num_key_value_heads": 4,
    },
    "cohere": {"layer_norm_eps": 1e-5, "logit_scale": 0.25},
    "cohere2": {"layer_norm_eps": 1e-5, "logit_scale": 0.25, "sliding_window": 32, "sliding_window_pattern": 2},
    "granite": {
        "logits_scaling": 2.0, "attention_multiplier": 0.25, "embedding_multiplier": 12.0, "residual_multiplier": 0.22,
        "attention_bias": False, "mlp_bias": False,
    },
    "nemotron_h": {
        "num_hidden_layers": 3, "hybrid_override_pattern": ["M", "*", "-"], "attention_bias": False,
        "mamba_num_heads": 4, "mamba_head_dim": 32, "mamba_proj_bias": False, "ssm_state_size": 16, "conv_kernel": 4,
        "n_groups": 1, "mlp_bias": False, "layer_norm_epsilon": 1e-5, "use_bias": False, "use_conv_bias": True,
        "mlp_hidden_act": "relu2", "time_step_limit": [0.0, 1e4],
    },
    "gpt_oss": {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 32, "rope_scaling": None},
    "olmo2": {"tie_word_embeddings": False},
    "smollm3": {"tie_word_embeddings": True},
}  # fmt: skip


def write(folder: Path, family: str) -> Path:
    """The family's model with seeded random weights, as a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    own = FAMILIES[family]
    config = {"model_type": family, **({} if "text_config" in own else COMMON), **own}
    (folder / "config.json").write_text(json.dumps(config))
    kind = {"mistral": "llama"}.get(config["model_type"], config["model_type"])
    module = importlib.import_module(f"mlx_lm.models.{kind}")
    mx.random.seed(6)
    model = module.Model(module.ModelArgs.from_dict(config))
    weights = dict(tree_flatten(model.parameters()))
    for name, value in weights.items():  # what starts at zero would hide what stands before it
        if not mx.any(value).item() and mx.issubdtype(value.dtype, mx.floating):
            weights[name] = mx.random.normal(value.shape) * 0.02
    model.update(tree_unflatten(list(weights.items())))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    return folder
