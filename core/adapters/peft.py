"""An adapter written in PEFT's format with the same outputs. Reading that format is in files.py."""

from pathlib import Path
from typing import Any

import mlx.core as mx

from core.adapters import rank_pattern
from core.errors import BadModel
from core.model.target_names import OUTSIDE_BLOCKS

_LINEAR_NAMES = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "m": "lora_magnitude_vector"}
_EMBEDDING_NAMES = {"lora_a": "lora_embedding_A", "lora_b": "lora_embedding_B"}


def convert(
    config: dict[str, Any], weights: dict[str, mx.array], base_config: dict[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, mx.array]]:
    """(adapter_config.json, tensors) in PEFT's format, of an adapter that files.read(folder) gave.

    `base_config` is the config.json of the base model. Raises BadModel for what PEFT has no place for: all weights,
    experts, embeddings that are the output layer too.
    """
    if config.get("fine_tune_type") == "full":
        raise BadModel(f"{folder} holds a fully trained model, not an adapter: fuse it instead.")
    tensors = {}
    for key, value in sorted(weights.items()):
        name, _, tensor_name = key.rpartition(".")
        is_embedding = name.rpartition(".")[2] in OUTSIDE_BLOCKS["embeddings"]
        if value.ndim == 3:
            raise BadModel(f"PEFT has no adapter for the experts in {name}: fuse the adapter, or train other layers.")
        if is_embedding and base_config.get("tie_word_embeddings", False):
            raise BadModel("PEFT has no adapter for embeddings that are the output layer too: fuse the adapter.")
        peft_name = (_EMBEDDING_NAMES if is_embedding else _LINEAR_NAMES)[tensor_name]
        tensors[f"base_model.model.{name}.{peft_name}"] = mx.contiguous(value.T) if value.ndim == 2 else value
    parameters, rslora = config["lora_parameters"], bool(config.get("use_rslora"))
    layers = rank_pattern.read_rank_scales(config, sorted({key.rpartition(".")[0] for key in weights}))
    peft_config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": config.get("model"),
        "inference_mode": True,
        **rank_pattern.to_peft(layers, rslora=rslora),
        "lora_dropout": parameters.get("dropout", 0.0),
        "use_rslora": rslora,
        "use_dora": config.get("fine_tune_type") == "dora",
        "bias": "none",
        "fan_in_fan_out": False,
        "target_modules": _target_modules(set(layers), base_config),
    }
    return peft_config, tensors


def _target_modules(names: set[str], base_config: dict[str, Any]) -> list[str]:
    """Short names where every block has an adapter on the same layers; else whole names, which PEFT takes too."""
    layers_per_block: dict[str, set[str]] = {}
    for name in names:
        _, _, inner_name = name.partition("layers.")
        block, _, layer = inner_name.partition(".")
        layers_per_block.setdefault(block, set()).add(layer)
    is_uniform = len({frozenset(layers) for block, layers in layers_per_block.items() if block}) <= 1
    if is_uniform and len(layers_per_block.keys() - {""}) == base_config.get("num_hidden_layers"):
        return sorted({name.rpartition(".")[2] for name in names})
    return sorted(names)
