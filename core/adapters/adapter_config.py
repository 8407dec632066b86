"""What is written about an adapter: adapter_config.json in mlx-lm's terms, and its part of resolved.json."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import mlx.nn as nn

from core.adapters import full, rank_pattern
from core.adapters.from_peft import describe_whole
from core.adapters.layers import adapter_kind, adapter_layers, layer_rank_scales
from core.adapters.lora import AdapterLayer
from core.adapters.options import AdapterOptions, BaseModelOptions
from core.adapters.rank_pattern import RankScale
from core.adapters.saved_module import saved_modules
from core.adapters.untied_head import is_untied


def build_config(model: nn.Module, options: AdapterOptions, base: BaseModelOptions) -> dict[str, Any]:
    """The contents of adapter_config.json, from which mlx-lm loads the adapter.

    Beyond what mlx-lm reads, `base_precision` says how the base was quantized while training, so that the base can be
    built the same way again, and `each_layer` (core/adapters/rank_pattern.py) which layers differ in rank or scale.
    """
    base_precision = {"quantization": base.quantization, "double_quantization": base.double_quantization}
    if options.type == "full":
        adapter = full.build_config(model)
    else:
        first_layer, layers = next(iter(adapter_layers(model).values())), layer_rank_scales(model)
        common, (num_layers, keys) = rank_pattern.common_rank_scale(layers), _layer_keys(model)
        adapter = {
            "fine_tune_type": adapter_kind(first_layer),
            "num_layers": num_layers,
            "lora_parameters": {**common._asdict(), "dropout": _dropout(first_layer), "keys": keys},
            "lora_alpha": _alpha(common, options),
            "use_rslora": options.rslora,
            **rank_pattern.describe_exceptions(layers),
            **describe_whole(saved_modules(model), untied_head=is_untied(model)),
        }
    return {"model": base.path, **adapter, "base_precision": base_precision}


def resolved_options(model: nn.Module, options: AdapterOptions) -> dict[str, Any]:
    """The options of the adapter as used, for resolved.json: with defaults filled in, and what options.init decided."""
    requested = dataclasses.asdict(options)
    if options.type == "full":
        return requested
    first_layer, layers = next(iter(adapter_layers(model).values())), layer_rank_scales(model)
    common = rank_pattern.common_rank_scale(layers)
    actual = {"type": adapter_kind(first_layer), **common._asdict(), "alpha": _alpha(common, options)}
    whole = describe_whole(saved_modules(model), untied_head=is_untied(model))
    return requested | actual | {"modules": len(layers)} | rank_pattern.describe_exceptions(layers) | whole


def read_chat_template(folder: Path) -> str | None:
    """The chat template that was chosen for the training, where the model has none of its own; else None."""
    file = folder / "chat_template.jinja"
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _layer_keys(model: nn.Module) -> tuple[int, list[str]]:
    """(blocks counted from the end, names of layers) with which mlx-lm finds the same layers again.

    Names are those within a block where each of these blocks has the same layers; else whole names, which mlx-lm
    accepts too.
    """
    wrapped = adapter_layers(model)
    block_indices = {id(block): i for i, block in enumerate(model.layers)}
    prefixes = {f"{name}.": block_indices[id(m)] for name, m in model.named_modules() if id(m) in block_indices}
    names_per_block: dict[int, set[str]] = {}
    for name in wrapped:
        prefix = next((p for p in prefixes if name.startswith(p)), None)
        if prefix is not None:
            names_per_block.setdefault(prefixes[prefix], set()).add(name.removeprefix(prefix))
    outer_names = [name for name in wrapped if not any(name.startswith(p) for p in prefixes)]
    num_layers = len(model.layers) - min(names_per_block, default=0)
    is_uniform = len({frozenset(names) for names in names_per_block.values()}) == 1
    if is_uniform and len(names_per_block) == num_layers:
        return num_layers, sorted(next(iter(names_per_block.values()))) + sorted(outer_names)
    return num_layers, sorted(wrapped)


def _alpha(layer: RankScale, options: AdapterOptions) -> float:
    return layer.scale * (math.sqrt(layer.rank) if options.rslora else layer.rank)


def _dropout(layer: AdapterLayer) -> float:
    return float(1 - layer.dropout._p_1)
