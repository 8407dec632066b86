"""A small random model of each family that GGUF is written for, with a tokenizer like the family's."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map

from tests.exports.tokenizers import LLAMA3, QWEN2, TEKKEN, byte_level, sentence_piece

COMMON: dict[str, Any] = {
    "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 32, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
_CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_LLAMA3 = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_GEMMA = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_LLAMA3_ROPE = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 256}  # fmt: skip


def _qwen(folder: Path) -> int:
    return byte_level(folder, QWEN2, _CHATML, eos_token="<|im_end|>", chat_template=_TEMPLATE)


def _llama3(folder: Path) -> int:
    return byte_level(
        folder, LLAMA3, _LLAMA3, "<|begin_of_text|>", bos_token="<|begin_of_text|>", eos_token="<|eot_id|>"
    )


def _tekken(folder: Path) -> int:
    return byte_level(folder, TEKKEN, ("<unk>", "<s>", "</s>", "[INST]"), "<s>", bos_token="<s>", eos_token="</s>")


def _gpt2(folder: Path) -> int:
    return byte_level(folder, "", ("<|endoftext|>",), eos_token="<|endoftext|>")


def _llama2(folder: Path) -> int:
    return sentence_piece(folder, (), "<s>", True, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _phi3(folder: Path) -> int:
    return sentence_piece(
        folder, ("<|endoftext|>", "<|user|>", "<|end|>"), "<s>", True, ("</s>", "<|user|>", "<|end|>"),
        bos_token="<s>", eos_token="<|end|>", unk_token="<unk>",
    )  # fmt: skip


def _gemma(folder: Path) -> int:
    return sentence_piece(folder, _GEMMA, "<bos>", False, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>")


# {name: (tokenizer, changes of COMMON)}
MODELS: dict[str, tuple[Callable[[Path], int], dict[str, Any]]] = {
    "llama 2": (_llama2, {"model_type": "llama"}),
    "llama 3": (_llama3, {"model_type": "llama", "rope_theta": 500000.0}),
    "llama 3.1": (
        _llama3,
        {"model_type": "llama", "rope_theta": 500000.0, "rope_scaling": _LLAMA3_ROPE, "tie_word_embeddings": True},
    ),
    "llama, linear rope": (_gpt2, {"model_type": "llama", "rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
    "mistral": (_llama2, {"model_type": "mistral", "sliding_window": None}),
    "mistral nemo": (_tekken, {"model_type": "mistral", "sliding_window": None, "hidden_size": 96}),
    "qwen 2.5": (_qwen, {"model_type": "qwen2", "rope_theta": 1e6, "head_dim": None}),
    "qwen 2.5, tied": (_qwen, {"model_type": "qwen2", "head_dim": None, "tie_word_embeddings": True}),
    "qwen 3": (_qwen, {"model_type": "qwen3", "rope_theta": 1e6, "tie_word_embeddings": True}),
    "gemma 2": (
        _gemma,
        {
            "model_type": "gemma2", "query_pre_attn_scalar": 32, "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0, "sliding_window": 512, "tie_word_embeddings": True,
        },
    ),
    "gemma 3": (
        _gemma,
        {
            "model_type": "gemma3_text", "query_pre_attn_scalar": 32, "sliding_window": 64,
            "sliding_window_pattern": 6, "num_hidden_layers": 7, "rope_theta": 1e6, "rope_global_base_freq": 1e6,
            "rope_local_base_freq": 10000.0, "tie_word_embeddings": True,
        },
    ),
    "phi 3": (_phi3, {"model_type": "phi3", "sliding_window": None, "original_max_position_embeddings": 1024}),
}  # fmt: skip


def write_sample(folder: Path, name: str, **sizes: Any) -> Path:
    """The model of MODELS with this name, with seeded random weights in bfloat16, as a folder; `sizes` change it."""
    make_tokenizer, changes = MODELS[name]
    rows = make_tokenizer(folder) + 3  # more rows than tokens, as many models have
    changes = {**COMMON, "vocab_size": rows, **changes, **sizes}
    config = {key: value for key, value in changes.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    kind = {"mistral": "llama"}.get(config["model_type"], config["model_type"])
    module = importlib.import_module(f"mlx_lm.models.{kind}")
    mx.random.seed(sum(map(ord, name)))
    model = module.Model(module.ModelArgs.from_dict(config))
    # Far from where training starts, norms and biases too: a tensor in the wrong place has to show.
    moved = tree_map(lambda value: value + mx.random.normal(value.shape) * 0.05, model.parameters())
    weights = {key: value.astype(mx.bfloat16) for key, value in tree_flatten(moved)}
    if config["tie_word_embeddings"]:
        weights.pop("lm_head.weight", None)
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    return folder
