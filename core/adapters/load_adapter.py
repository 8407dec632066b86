"""Put a saved adapter onto a freshly loaded model."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.adapters import full, rank_pattern, saved_module, untied_head
from core.adapters.files import CONFIG, is_peft, match_layer_names, read, read_base_layers
from core.adapters.from_peft import ADAPTER_TENSORS, UNTIED_HEAD
from core.adapters.layers import ADAPTER_TYPES, adapter_layers, wrap_layers
from core.adapters.target_modules import find_target_layers
from core.errors import BadModel, BadOption
from core.model.target_names import OUTSIDE_BLOCKS
from core.text.sentence import say

# Models whose norms mlx-lm adds one to while loading.
_SHIFTED_NORMS = ("qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe")


def load(model: nn.Module, folder: Path) -> None:
    """Put the adapter of a folder onto a freshly loaded model, in place, whatever its kind; for chat and evaluation.

    Raises BadModel where the folder holds no adapter, or one of another model.
    """
    config, weights = read(folder)
    if config.get("fine_tune_type", "lora") == "full":
        full.load_weights(model, weights, folder)
    else:
        attach_for_use(model, config, weights, folder)


def attach_for_use(model: nn.Module, config: dict[str, Any], weights: dict[str, mx.array], folder: Path) -> None:
    """attach_saved() for a model that is not trained: modules that the adapter holds whole are no larger than before.
    Raises BadModel."""
    attach_saved(model, config, weights, folder)
    for module in saved_module.saved_modules(model).values():
        module.cast()


def attach_saved(model: nn.Module, config: dict[str, Any], weights: dict[str, mx.array], folder: Path) -> None:
    """Give a model the adapter layers that a saved adapter describes and the modules that it holds whole, in float32.

    `config` and `weights` come from files.read(folder). Raises BadModel.
    """
    kind = config.get("fine_tune_type", "lora")
    if kind not in ADAPTER_TYPES:
        raise BadModel(
            say("The adapter in {folder} is of the kind {kind!r}, which is not supported.", folder=folder, kind=kind)
        )
    whole = {key: value for key, value in weights.items() if key.rpartition(".")[2] not in ADAPTER_TENSORS}
    weights = {key: value for key, value in weights.items() if key not in whole}
    if _needs_own_head(model, config, {key.rpartition(".")[0] for key in (*weights, *whole)}):
        untied_head.untie(model)
    candidates = find_target_layers(model, "*", None)
    _check_base_layers(candidates, folder)
    names = match_layer_names(sorted({key.rpartition(".")[0] for key in weights}), set(candidates))
    weights = {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value for key, value in weights.items()}
    for name in names.values():
        if name not in candidates:
            raise BadModel(
                say(
                    "The adapter in {folder} belongs to another model: there is no layer {name} here.",
                    folder=folder,
                    name=name,
                )
            )
    if not names:
        raise BadModel(say("The adapter in {folder} is empty.", folder=folder))
    try:
        saved_rank_scales = rank_pattern.read_rank_scales(config, names)
        rank_scales = {names[saved_name]: rank_scale for saved_name, rank_scale in saved_rank_scales.items()}
        dropout = float(config["lora_parameters"].get("dropout", 0.0))
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout {dropout}")
    except (BadModel, TypeError, ValueError):
        raise BadModel(
            say(
                "{folder}/{config} lacks rank or scale under lora_parameters, or they are impossible.",
                folder=folder,
                config=CONFIG,
            )
        ) from None
    for key, value in weights.items():
        name, _, tensor_name = key.rpartition(".")
        if tensor_name == "lora_a" and value.ndim == 2 and value.shape[1] != rank_scales[name].rank:
            raise BadModel(
                say(
                    "{folder}/{config} names rank {rank} for {name}, but its weights have rank {actual}.",
                    folder=folder,
                    config=CONFIG,
                    rank=rank_scales[name].rank,
                    name=name[:100],
                    actual=value.shape[1],
                )
            )
    try:
        wrap_layers(model, {name: candidates[name] for name in rank_scales}, kind, rank_scales, dropout)
    except BadOption as error:
        raise BadModel(say("The adapter in {folder} cannot be used: {reason}", folder=folder, reason=error)) from None
    _check_shapes(model, weights, folder)
    model.load_weights([(key, value.astype(mx.float32)) for key, value in weights.items()], strict=False)
    _put_in_whole(model, whole, folder)


def _needs_own_head(model: nn.Module, config: dict[str, Any], names: set[str]) -> bool:
    """Whether an adapter for layers of these names has trained the embeddings or the output layer without the other,
    and the model has one module for both."""
    last_parts = {_last_part(name) for name in names}
    trains_head = bool(last_parts & set(OUTSIDE_BLOCKS["head"]))
    trains_embeddings = bool(last_parts & set(OUTSIDE_BLOCKS["embeddings"]))
    return untied_head.is_tied(model) and (trains_head or (trains_embeddings and bool(config.get(UNTIED_HEAD))))


def _put_in_whole(model: nn.Module, whole: dict[str, mx.array], folder: Path) -> None:
    """Put the modules that an adapter holds whole onto a model. Raises BadModel."""
    tensors: dict[str, dict[str, mx.array]] = {}
    for key, value in whole.items():
        name, _, tensor_name = key.rpartition(".")
        tensors.setdefault(name, {})[tensor_name] = value
    kind = getattr(model, "model_type", "")
    shifted = next((key for key, value in whole.items() if value.ndim == 1 and kind in _SHIFTED_NORMS), None)
    if shifted and is_peft(folder):
        raise BadModel(
            say(
                "The PEFT adapter in {folder} holds {name} whole, and mlx-lm keeps the norms of {kind} in "
                "another form: merge it in PEFT (merge_and_unload), and give the result as the model.",
                folder=folder,
                name=shifted[:100],
                kind=kind,
            )
        )
    names = match_layer_names(tensors, set(saved_module.candidate_modules(model)))
    saved_module.put_in(model, {names[name]: values for name, values in tensors.items()}, folder)


def _check_base_layers(layers: dict[str, nn.Module], folder: Path) -> None:
    """Raises BadModel where the adapter comes with layers of its base that are not those of this one: with embeddings
    that were trained or resized. Packed layers are not compared."""
    saved = read_base_layers(folder)
    names = match_layer_names(saved, set(layers))
    embeddings = next((m for name, m in layers.items() if _last_part(name) in OUTSIDE_BLOCKS["embeddings"]), None)
    for saved_name, value in saved.items():
        layer = layers.get(names[saved_name])
        if layer is None and _last_part(saved_name) in OUTSIDE_BLOCKS["head"]:
            layer = embeddings  # which serve as output layer too
        own = layer.weight if isinstance(layer, nn.Linear | nn.Embedding) else None
        if layer is not None and own is None:
            continue
        if own is None or not _is_same(own, value):
            raise BadModel(
                say(
                    "The adapter in {folder} holds {name}.base_layer.weight, which differs from the base's: "
                    "it was trained or resized. Merge the adapter into its base with PEFT, and use the result.",
                    folder=folder,
                    name=saved_name[:100],
                )
            )


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


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
                raise BadModel(
                    say(
                        "The adapter in {folder} belongs to another model: {name} has other dimensions here.",
                        folder=folder,
                        name=name,
                    )
                )
