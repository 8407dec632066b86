"""Put a saved adapter onto a freshly loaded model."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.adapters import full, rank_pattern
from core.adapters.files import CONFIG, match_layer_names, read, read_base_layers
from core.adapters.layers import ADAPTER_TYPES, adapter_layers, wrap_layers
from core.adapters.target_modules import find_target_layers
from core.errors import BadModel, BadOption


def load(model: nn.Module, folder: Path) -> None:
    """Put the adapter of a folder onto a freshly loaded model, in place, whatever its kind; for chat and evaluation.

    Raises BadModel where the folder holds no adapter, or one of another model.
    """
    config, weights = read(folder)
    if config.get("fine_tune_type", "lora") == "full":
        full.load_weights(model, weights, folder)
    else:
        attach_saved(model, config, weights, folder)


def attach_saved(model: nn.Module, config: dict[str, Any], weights: dict[str, mx.array], folder: Path) -> None:
    """Give a model the adapter layers that a saved adapter describes, with its weights in float32.

    `config` and `weights` come from files.read(folder). Raises BadModel.
    """
    kind = config.get("fine_tune_type", "lora")
    if kind not in ADAPTER_TYPES:
        raise BadModel(f"The adapter in {folder} is of the kind {kind!r}, which is not supported.")
    candidates = find_target_layers(model, "*", None)
    _check_base_layers(candidates, folder)
    names = match_layer_names(sorted({key.rpartition(".")[0] for key in weights}), set(candidates))
    weights = {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value for key, value in weights.items()}
    for name in names.values():
        if name not in candidates:
            raise BadModel(f"The adapter in {folder} belongs to another model: there is no layer {name} here.")
    if not names:
        raise BadModel(f"The adapter in {folder} is empty.")
    try:
        saved_rank_scales = rank_pattern.read_rank_scales(config, names)
        rank_scales = {names[saved_name]: rank_scale for saved_name, rank_scale in saved_rank_scales.items()}
        dropout = float(config["lora_parameters"].get("dropout", 0.0))
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout {dropout}")
    except (BadModel, TypeError, ValueError):
        raise BadModel(
            f"{folder}/{CONFIG} lacks rank or scale under lora_parameters, or they are impossible."
        ) from None
    for key, value in weights.items():
        name, _, tensor_name = key.rpartition(".")
        if tensor_name == "lora_a" and value.ndim == 2 and value.shape[1] != rank_scales[name].rank:
            raise BadModel(
                f"{folder}/{CONFIG} names rank {rank_scales[name].rank} for {name[:100]}, but its weights have rank "
                f"{value.shape[1]}."
            )
    try:
        wrap_layers(model, {name: candidates[name] for name in rank_scales}, kind, rank_scales, dropout)
    except BadOption as error:
        raise BadModel(f"The adapter in {folder} cannot be used: {error}") from None
    _check_shapes(model, weights, folder)
    model.load_weights([(key, value.astype(mx.float32)) for key, value in weights.items()], strict=False)


def _check_base_layers(layers: dict[str, nn.Module], folder: Path) -> None:
    """Raises BadModel where the adapter comes with layers of its base that are not those of this one: with embeddings
    that were trained or resized. Packed layers are not compared."""
    saved = read_base_layers(folder)
    names = match_layer_names(saved, set(layers))
    for saved_name, value in saved.items():
        layer = layers.get(names[saved_name])
        own = layer.weight if isinstance(layer, nn.Linear | nn.Embedding) else None
        if layer is not None and own is None:
            continue
        if own is None or not _is_same(own, value):
            raise BadModel(
                f"The adapter in {folder} holds {saved_name[:100]}.base_layer.weight, which differs from the base's: "
                "it was trained or resized. Merge the adapter into its base with PEFT, and use the result."
            )


def _is_same(first: mx.array, second: mx.array) -> bool:
    """Whether two weights are the same in the coarser of their precisions."""
    dtypes = (first.dtype, second.dtype)
    dtype = next((d for d in (mx.bfloat16, mx.float16) if d in dtypes), mx.float32)
    return first.shape == second.shape and bool(mx.array_equal(first.astype(dtype), second.astype(dtype)))


def _check_shapes(model: nn.Module, weights: dict[str, mx.array], folder: Path) -> None:
    """Raises BadModel where a tensor of an adapter layer is missing or has another shape."""
    for name, layer in adapter_layers(model).items():
        for tensor_name, shape in layer.shapes.items():
            value = weights.get(f"{name}.{tensor_name}")
            if value is None or tuple(value.shape) != shape:
                raise BadModel(f"The adapter in {folder} belongs to another model: {name} has other dimensions here.")
