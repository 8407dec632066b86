"""Writes families.json: the logits that transformers computes with a tiny model of each family, as it saves them.

For each family there are its config.json, the names and shapes of its tensors in the file, and the logits of TOKENS at
the last place, in float32. The weights are no part of it: they follow a rule (`weight`), which the test follows too.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
TOKENS = [5, 9, 30, 41, 7, 22, 3, 17, 48, 12, 33, 2, 19]
KEPT = 8  # logits
SHAPE: dict[str, Any] = {
    "vocab_size": 52, "hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
LINEAR = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 32,
          "linear_value_head_dim": 32, "num_hidden_layers": 4, "head_dim": 16}  # fmt: skip
SLIDING = {"sliding_window": 6, "num_hidden_layers": 4}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"rope_parameters": LLAMA3, "attention_bias": True, "mlp_bias": True},
    "llama4_text": {
        "num_local_experts": 4, "intermediate_size_mlp": 32, "head_dim": 8, "num_hidden_layers": 4,
        "attention_chunk_size": 64,
    },
    "qwen2": {},
    "qwen3": {"head_dim": 12, "tie_word_embeddings": True, "rope_theta": 1e6},
    "qwen3_moe": EXPERTS | {"head_dim": 8, "norm_topk_prob": True},
    "qwen3_next": EXPERTS | LINEAR | {"shared_expert_intermediate_size": 24},
    "qwen3_5_text": LINEAR,
    "gemma2": {"head_dim": 12, "query_pre_attn_scalar": 12, "sliding_window": 64},
    "gemma3_text": SLIDING | {"head_dim": 12, "query_pre_attn_scalar": 12, "num_hidden_layers": 7},
    "gemma4_text": {
        "head_dim": 8, "global_head_dim": 16, "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0,
        "vocab_size_per_layer_input": 52, "num_hidden_layers": 6, "sliding_window": 6,
    },
    "mistral": {"head_dim": 12, "sliding_window": None},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    "phi3": {"partial_rotary_factor": 0.6, "original_max_position_embeddings": 64},
    "deepseek_v3": {
        "num_key_value_heads": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
        "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "kv_lora_rank": 16, "q_lora_rank": 24,
        "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "n_shared_experts": 1,
    },
    "cohere": {"logit_scale": 0.25},
    "cohere2": SLIDING | {"logit_scale": 0.25, "head_dim": 10},
    "granite": {
        "embedding_multiplier": 3.0, "logits_scaling": 2.0, "residual_multiplier": 0.5, "attention_multiplier": 0.2,
    },
    "nemotron_h": {
        "head_dim": 16, "hybrid_override_pattern": "M*-M", "num_hidden_layers": 4, "mamba_num_heads": 4,
        "mamba_head_dim": 16, "n_groups": 2, "ssm_state_size": 16, "conv_kernel": 4, "chunk_size": 16,
    },
    "olmo2": {},
    "smollm3": {"num_hidden_layers": 4},
    # With fewer layers than the pattern of their attention has.
    "gemma3_text, short": {"head_dim": 12, "query_pre_attn_scalar": 12, "sliding_window": 6},
    "cohere2, short": {"logit_scale": 0.25, "head_dim": 10, "sliding_window": 6},
    "qwen3_next, short": EXPERTS | LINEAR | {"shared_expert_intermediate_size": 24, "num_hidden_layers": 2},
    "qwen3_5_text, short": LINEAR | {"num_hidden_layers": 2},
}  # fmt: skip
# Families that come with eyes: their text model lies in text_config, and its tensors behind a prefix.
WRAPPED = {"llama4_text": ("llama4", "language_model.")}


def main() -> None:
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    found = {name: describe(name, own) for name, own in FAMILIES.items()}
    text = json.dumps({"transformers": transformers.__version__, "tokens": TOKENS, "families": found})
    (HERE / "families.json").write_text(text.replace('}, "', '},\n"') + "\n", encoding="utf-8")


def describe(name: str, own: dict[str, Any]) -> dict[str, Any]:
    """A family's config, tensors and logits."""
    config = AutoConfig.for_model(name.partition(",")[0], **{**SHAPE, **own})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
        path = folder / "model.safetensors"
        with safe_open(path, "numpy") as file:
            shapes = {key: file.get_slice(key).get_shape() for key in sorted(file.keys())}
        save_file({key: weight(key, shape) for key, shape in shapes.items()}, path, {"format": "pt"})
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            logits = model(torch.tensor([TOKENS]), use_cache=False).logits[0, -1]
        saved = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    print(name, logits[:KEPT].tolist())
    prefix = ""
    if name in WRAPPED:
        kind, prefix = WRAPPED[name]
        saved = {"model_type": kind, "text_config": saved}
    numbers = [round(x, 6) for x in logits[:KEPT].tolist()]
    return {"config": saved, "prefix": prefix, "tensors": shapes, "logits": numbers}


def weight(name: str, shape: list[int]) -> np.ndarray:
    """A tensor by the rule: waves whose length follows from the name's, around 0.5 where it has one dimension."""
    waves = np.sin(1 + np.arange(int(np.prod(shape))) * (0.7 + 0.01 * len(name))).reshape(shape)
    return (0.5 + 0.1 * waves if len(shape) < 2 else 1.5 * waves / shape[-1] ** 0.5).astype(np.float32)


if __name__ == "__main__":
    main()
