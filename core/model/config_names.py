"""Settings of config.json under the names that mlx-lm's model classes look for, and a check of the rotary ones.

transformers 5 writes some settings under other names than the releases before it. A class that does not find one takes
its own default and gives quite different logits, or cannot be built.
"""

import math
from pathlib import Path
from typing import Any

import mlx.nn as nn

from core.errors import BadModel
from core.text.sentence import say

_RENAMED = {"num_local_experts": "num_experts", "_sliding_window_pattern": "sliding_window_pattern"}
# Families whose text model, saved by itself, has a name of its own that mlx-lm has no module for.
_TEXT_ONLY = {"qwen3_5_text": "qwen3_5", "qwen3_5_moe_text": "qwen3_5_moe"}


def settings_by_older_names(config: dict[str, Any]) -> dict[str, Any]:
    """Settings to add to a config for model classes that look for them where transformers < 5 wrote them.

    The rotary settings lie inside `rope_parameters` now, by kind of layer where there are several. What the config has
    under an older name stays.
    """
    settings: dict[str, Any] = {}
    if config.get("model_type") in _TEXT_ONLY:
        settings["model_type"] = _TEXT_ONLY[config["model_type"]]
    text_config = config.get("text_config")
    if isinstance(text_config, dict):
        settings["text_config"] = text_config | settings_by_older_names(text_config)
        if "vocab_size" in text_config and "vocab_size" not in config:
            settings["vocab_size"] = text_config["vocab_size"]
    for newer, older in _RENAMED.items():
        if newer in config and older not in config:
            settings[older] = config[newer]
    return settings | _global_head_dim(config) | _rope_settings(config)


def _global_head_dim(config: dict[str, Any]) -> dict[str, Any]:
    """Gemma 4's width of a head in the layers that attend to everything, where it stands with each of these layers."""
    layers = config.get("per_layer_config")
    if not isinstance(layers, dict) or "global_head_dim" in config:
        return {}
    widths = [layer["head_dim"] for layer in layers.values() if isinstance(layer, dict) and "head_dim" in layer]
    return {"global_head_dim": widths[0]} if widths else {}


def _rope_settings(config: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    parameters = config.get("rope_parameters")
    if not isinstance(parameters, dict):
        return settings
    full, sliding = parameters.get("full_attention", parameters), parameters.get("sliding_attention")
    if isinstance(sliding, dict) and "rope_theta" in sliding and "rope_local_base_freq" not in config:
        settings["rope_local_base_freq"] = sliding["rope_theta"]
    if "partial_rotary_factor" in parameters and "partial_rotary_factor" not in config:
        settings["partial_rotary_factor"] = parameters["partial_rotary_factor"]
    if not isinstance(full, dict) or not isinstance(full.get("rope_theta"), int | float):
        return settings
    if "rope_theta" not in config:
        settings["rope_theta"] = full["rope_theta"]
    is_scaled = full.get("rope_type", full.get("type", "default")) not in (None, "default")
    if config.get("rope_scaling") is None:  # some classes ask for it even where nothing is scaled
        settings["rope_scaling"] = {k: v for k, v in full.items() if k != "rope_theta"} if is_scaled else None
    return settings


def check_rope(model: nn.Module, config: dict[str, Any], folder: Path) -> None:
    """Raises BadModel where the model rotates its positions with another base frequency than its config says, or
    another share of each head."""
    config = config | settings_by_older_names(config)
    config = config.get("text_config", config)
    # Classes with a scheme of their own (Llama 3's, YaRN) make their frequencies from more than the base.
    all_rotations = [m for _, m in model.named_modules() if "RoPE" in type(m).__name__]
    rotations = [m for m in all_rotations if type(m) is nn.RoPE]
    bases, wanted = {m.base for m in rotations}, [config.get("rope_theta")]
    has_full_layers = "full_attention" in (config.get("layer_types") or ["full_attention"])
    if len(rotations) < len(all_rotations) or not has_full_layers:  # the plain ones may be those of the sliding layers
        wanted.append(config.get("rope_local_base_freq"))
    known = [base for base in wanted if isinstance(base, int | float)]
    if known and bases and not any(math.isclose(base, other) for base in bases for other in known):
        raise BadModel(
            say(
                "{folder} asks for rotary positions with base {theta:g}, but mlx-lm's class for {kind} uses "
                "{used:g}: it would give wrong answers.",
                folder=folder,
                theta=known[0],
                kind=config.get("model_type"),
                used=min(bases),
            )
        )
    rotated, widths = _rotated_width(config), {m.dims for m in rotations}
    if rotated is not None and widths and rotated not in widths:
        raise BadModel(
            say(
                "{folder} asks for rotary positions on {rotated} numbers of each head, but mlx-lm's class for {kind} "
                "rotates {used}: it would give wrong answers.",
                folder=folder,
                rotated=rotated,
                kind=config.get("model_type"),
                used=min(widths),
            )
        )


def _rotated_width(config: dict[str, Any]) -> int | None:
    """How many numbers of a head are rotated where the config names a share; None where it does not, or where the
    rotated part is a vector of its own (multi-head latent attention)."""
    share, heads = config.get("partial_rotary_factor"), config.get("num_attention_heads")
    width = config.get("head_dim") or (config["hidden_size"] // heads if heads and "hidden_size" in config else None)
    if not isinstance(share, int | float) or not 0 < share < 1 or "qk_rope_head_dim" in config:
        return None
    return int(share * width) if isinstance(width, int) else None
