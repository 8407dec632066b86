"""An adapter in PEFT's format, true to what was trained. Reading that format is in saved.py."""

from pathlib import Path
from typing import Any

import mlx.core as mx

from core.adapters import rank_pattern
from core.errors import BadModel
from core.model.target_names import OUTSIDE

_LINEAR = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "m": "lora_magnitude_vector"}
_EMBEDDING = {"lora_a": "lora_embedding_A", "lora_b": "lora_embedding_B"}


def convert(
    saved: dict[str, Any], weights: dict[str, mx.array], base: dict[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, mx.array]]:
    """(adapter_config.json, tensors) for PEFT, of an adapter read by saved.read(); `base` is the model's config.json.

    Raises BadModel for what PEFT has no place for: all weights, experts, embeddings that are the output layer too.
    """
    if saved.get("fine_tune_type") == "full":
        raise BadModel(f"{folder} holds a fully trained model, not an add-on: fuse it instead.")
    found = {}
    for key, value in sorted(weights.items()):
        name, _, leaf = key.rpartition(".")
        embedding = name.rpartition(".")[2] in OUTSIDE["embeddings"]
        if value.ndim == 3:
            raise BadModel(f"PEFT has no add-on for the experts in {name}: fuse the adapter, or train other layers.")
        if embedding and base.get("tie_word_embeddings", False):
            raise BadModel("PEFT has no add-on for embeddings that are the output layer too: fuse the adapter.")
        other = (_EMBEDDING if embedding else _LINEAR)[leaf]
        found[f"base_model.model.{name}.{other}"] = mx.contiguous(value.T) if value.ndim == 2 else value
    parameters, rslora = saved["lora_parameters"], bool(saved.get("use_rslora"))
    layers = rank_pattern.read_rank_scales(saved, sorted({key.rpartition(".")[0] for key in weights}))
    about = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": saved.get("model"),
        "inference_mode": True,
        **rank_pattern.to_peft(layers, rslora=rslora),
        "lora_dropout": parameters.get("dropout", 0.0),
        "use_rslora": rslora,
        "use_dora": saved.get("fine_tune_type") == "dora",
        "bias": "none",
        "fan_in_fan_out": False,
        "target_modules": _modules(set(layers), base),
    }
    return about, found


def _modules(names: set[str], base: dict[str, Any]) -> list[str]:
    """Short names where every block has an add-on on the same layers; else the whole names, which PEFT takes too."""
    inside: dict[str, set[str]] = {}
    for name in names:
        _, _, rest = name.partition("layers.")
        block, _, layer = rest.partition(".")
        inside.setdefault(block, set()).add(layer)
    alike = len({frozenset(layers) for block, layers in inside.items() if block}) <= 1
    if alike and len(inside.keys() - {""}) == base.get("num_hidden_layers"):
        return sorted({name.rpartition(".")[2] for name in names})
    return sorted(names)
