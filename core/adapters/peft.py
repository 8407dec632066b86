"""An adapter written in PEFT's format with the same outputs. Reading that format is in from_peft.py."""

from pathlib import Path
from typing import Any

import mlx.core as mx

from core.adapters import rank_pattern
from core.adapters.from_peft import ADAPTER_TENSORS, PREFIX, SAVED_MODULES, UNTIED_HEAD
from core.errors import BadModel
from core.model.target_names import OUTSIDE_BLOCKS
from core.text.sentence import say

_LINEAR_NAMES = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "m": "lora_magnitude_vector"}
_EMBEDDING_NAMES = {"lora_a": "lora_embedding_A", "lora_b": "lora_embedding_B"}
_INNER = "language_model."  # before mlx-lm's names of a text model that is part of a larger one
# Kinds of such models, by model_type, whose text model lies in `model.language_model` in transformers 5.
_WITH_EYES = (
    "gemma3",
    "gemma3n",
    "gemma4",
    "mistral3",
    "qwen2_vl",
    "qwen3_vl",
    "qwen3_vl_moe",
    "qwen3_5",
    "qwen3_5_moe",
)


def convert(
    config: dict[str, Any], weights: dict[str, mx.array], base_config: dict[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, mx.array]]:
    """(adapter_config.json, tensors) in PEFT's format, of an adapter that files.read(folder) gave.

    `base_config` is the config.json of the base model. Raises BadModel for what PEFT has no place for: all weights,
    experts.
    """
    if config.get("fine_tune_type") == "full":
        raise BadModel(say("{folder} holds a fully trained model, not an adapter: fuse it instead.", folder=folder))
    parameters, rslora = config["lora_parameters"], bool(config.get("use_rslora"))
    names = {key.rpartition(".")[0] for key in weights if key.rpartition(".")[2] in ADAPTER_TENSORS}
    ranks = rank_pattern.read_rank_scales(config, sorted(names))
    layers = {_transformers_name(name, base_config): value for name, value in ranks.items()}
    weights = {_transformers_name(key, base_config): value for key, value in weights.items()}
    whole = {key: value for key, value in weights.items() if key.rpartition(".")[2] not in ADAPTER_TENSORS}
    weights = {key: value for key, value in weights.items() if key not in whole}
    tensors = {f"{PREFIX}{key}": value for key, value in sorted(whole.items())}
    for key, value in sorted(weights.items()):
        tensors |= _peft_tensor(key, value)
    keeps_tied = base_config.get("tie_word_embeddings", False) and not config.get(UNTIED_HEAD)
    embeddings = [key for key in tensors if _is_of_embeddings(key)]
    if keeps_tied and embeddings:
        tensors |= _tied_head(tensors, embeddings)
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
        SAVED_MODULES: sorted({_saved_name(key.rpartition(".")[0]) for key in whole}) or None,
    }
    return peft_config | ({"ensure_weight_tying": True} if keeps_tied and embeddings else {}), tensors


def _transformers_name(name: str, base_config: dict[str, Any]) -> str:
    """The name that a module or tensor of the base has in transformers, of that in mlx-lm."""
    inner = name.removeprefix(_INNER)
    if inner == name:
        return name
    if "text_config" not in base_config:  # a text model that was saved by itself
        return inner
    if base_config.get("model_type") not in _WITH_EYES:
        return name
    body = inner.removeprefix("model.")
    return inner if body == inner else f"model.{_INNER}{body}"


def _peft_tensor(key: str, value: mx.array) -> dict[str, mx.array]:
    """A tensor of a low-rank layer under PEFT's name and in its orientation. Raises BadModel for those of experts."""
    name, _, tensor_name = key.rpartition(".")
    if value.ndim == 3:
        raise BadModel(
            say("PEFT has no adapter for the experts in {name}: fuse the adapter, or train other layers.", name=name)
        )
    peft_name = (_EMBEDDING_NAMES if _is_of_embeddings(key) else _LINEAR_NAMES)[tensor_name]
    return {f"{PREFIX}{name}.{peft_name}": mx.contiguous(value.T) if value.ndim == 2 else value}


def _tied_head(tensors: dict[str, mx.array], embeddings: list[str]) -> dict[str, mx.array]:
    """The output layer's tensors, which PEFT writes beside those of the embeddings that it keeps tied to it."""
    head = {}
    for key in embeddings:
        name = f"{PREFIX}{OUTSIDE_BLOCKS['head'][0]}"
        if key.endswith("lora_embedding_A"):
            head[f"{name}.lora_B.weight"] = mx.contiguous(tensors[key].T)
        elif key.endswith("lora_embedding_B"):
            head[f"{name}.lora_A.weight"] = mx.contiguous(tensors[key].T)
        else:
            head[f"{name}.weight"] = tensors[key]
    return head


def _is_of_embeddings(key: str) -> bool:
    return key.split(".")[-2] in OUTSIDE_BLOCKS["embeddings"]


def _saved_name(module: str) -> str:
    """What modules_to_save has for a module: PEFT takes every one whose name ends so, as "norm" is the end of many."""
    last_part = module.rpartition(".")[2]
    return last_part if any(last_part in names for names in OUTSIDE_BLOCKS.values()) else module


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
