"""Names and values of a trained model's weights when it is written as a model of its own.

The original files are the pattern: every tensor keeps its name, shape and file order, also those that mlx-lm leaves
out or transposes while loading; only what training changed is replaced. So other programs find what they expect.
Where the original files cannot serve (they are quantized, or mlx-lm rebuilds a changed tensor so that its original is
not recognized), the tensors are written under mlx-lm's own names, and the caller is told so.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core import adapters
from core.adapters import AdapterLayer
from core.export.model_folder import SizedTensor, Tensor
from core.model.target_names import OUTSIDE_BLOCKS
from core.model.weight_files import weight_files
from core.quant import PackedExperts, is_linear, is_packed, linear_weight

# Other files' names for mlx-lm's layers of an expert; these hold one tensor for each expert.
_EXPERT_LAYERS = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}
HUGGING_FACE, MLX = "Hugging Face", "mlx-lm"


def merged_tensors(
    model: nn.Module, folder: Path, trained: set[str], dtype: mx.Dtype
) -> tuple[dict[str, SizedTensor], str]:
    """({name: tensor} of a model with its adapter merged and packed weights dequantized, HUGGING_FACE or MLX).

    The second value says whose names these are. `folder` is where the model was loaded from; `trained` names what
    else training changed ("model.norm.weight"). Floating-point tensors come in `dtype`.
    """
    updates, parameters = _merge(model)
    updates |= {name: constant(parameters[name]) for name in trained if name in parameters}
    original = _without_unused_head(_read_weights(folder), model)
    if not any(name.endswith(".scales") for name in original):
        tensors = _replace_tensors(original, updates)
        if tensors is not None and _reads_back(model, tensors, updates):
            return {name: _with_size(tensor, dtype) for name, tensor in tensors.items()}, HUGGING_FACE
    tensors = {name: constant(value) for name, value in parameters.items()} | updates
    return {name: _with_size(tensor, dtype) for name, tensor in tensors.items()}, MLX


def _merge(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, mx.array]]:
    """(weights that an adapter or packing changed, all other parameters), both by the model's plain names."""
    adapted = {name: m for name, m in model.named_modules() if isinstance(m, AdapterLayer)}
    whole = adapters.saved_modules(model)
    base_ids = {id(m.base) for m in adapted.values()} | {id(m.base) for m in whole.values()}
    layers = adapted | {n: m for n, m in model.named_modules() if is_packed(m) and id(m) not in base_ids}
    updates = {f"{name}.weight": _merged_weight(m) for name, m in layers.items()}
    updates |= {f"{name}.{key}": constant(value) for name, m in whole.items() for key, value in m.trained.items()}
    untied_head = adapters.find_untied_head(model)
    if untied_head and f"{untied_head[0]}.weight" not in updates:  # else it would follow the embeddings again
        updates[f"{untied_head[0]}.weight"] = _merged_weight(untied_head[1])
    parameters: dict[str, mx.array] = {}
    for key, value in tree_flatten(model.parameters()):
        owner = next((n for n in _parents(key) if n in layers or n in whole), None)
        if owner in whole:
            continue
        if owner is None:
            parameters[key] = value
        elif key.rpartition(".")[2] == "bias":
            parameters[f"{owner}.bias"] = value
    return updates, parameters


def _parents(key: str) -> Iterator[str]:
    while "." in key:
        key = key.rpartition(".")[0]
        yield key


def _merged_weight(m: nn.Module) -> Tensor:
    if isinstance(m, AdapterLayer):
        return lambda: (dense_weight(m.base) + m.delta.astype(mx.float32)).astype(mx.float32)
    return lambda: dense_weight(m)


def dense_weight(m: nn.Module) -> mx.array:
    """The weights that a layer of any kind computes with, in float32: [out, in], with experts [E, out, in]."""
    if is_linear(m):
        return linear_weight(m, mx.float32)
    if isinstance(m, PackedExperts):
        return m.unpacked(mx.float32)
    if is_packed(m):
        group, bits, mode = m.group_size, m.bits, m.mode
        return mx.dequantize(m.weight, m.scales, m.get("biases"), group, bits, mode=mode, dtype=mx.float32)
    return m.weight.astype(mx.float32)


def constant(value: mx.array) -> Tensor:
    return lambda: value


def _with_size(tensor: Tensor, dtype: mx.Dtype) -> SizedTensor:
    value = tensor()  # lazy: needed for its size alone
    is_float = mx.issubdtype(value.dtype, mx.floating)
    size = value.size * (dtype.size if is_float else value.dtype.size)
    return SizedTensor(size, (lambda: tensor().astype(dtype)) if is_float else tensor)


def _read_weights(folder: Path) -> dict[str, mx.array]:
    weights: dict[str, mx.array] = {}
    for file in weight_files(folder):
        weights |= mx.load(str(file))
    return weights


def _without_unused_head(original: dict[str, mx.array], model: nn.Module) -> dict[str, mx.array]:
    """The tensors without an output layer that the model does not have, as its embeddings serve as one.

    Trainers leave a copy of the embeddings there. Once these are trained, it is an old one, which some programs read.
    """
    modules = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    unused = [name for name in OUTSIDE_BLOCKS["head"] if name not in modules]
    return {name: value for name, value in original.items() if _module_name(name) not in unused}


def _module_name(name: str) -> str:
    """The last part of the name of the module that a tensor belongs to."""
    return name.rpartition(".")[0].rpartition(".")[2]


def _replace_tensors(original: dict[str, mx.array], updates: dict[str, Tensor]) -> dict[str, Tensor] | None:
    """The original tensors with the updates in their places; None where an update has no place there."""
    by_suffix: dict[str, list[str]] = {}
    for name in original:
        by_suffix.setdefault(_suffix(name), []).append(name)
    tensors: dict[str, Tensor] = {name: constant(value) for name, value in original.items()}
    for name, tensor in updates.items():
        matches = [name] if name in original else by_suffix.get(_suffix(name), [])
        if len(matches) == 1 and original[matches[0]].shape == tensor().shape:
            tensors[matches[0]] = tensor
            continue
        if not matches and _module_name(name) == adapters.HEAD:  # the files had none: the embeddings served as one
            tensors[f"{adapters.HEAD}.weight"] = tensor
            continue
        expert_names = _expert_names(name, original, tensor().shape[0])
        if expert_names is None:
            return None
        for i, expert_name in enumerate(expert_names):
            tensors[expert_name] = _slice(tensor, i)
    return tensors


def _slice(tensor: Tensor, index: int) -> Tensor:
    return lambda: tensor()[index]


def _suffix(name: str) -> str:
    """A tensor's name from "layers." on, or its last two parts outside the layers: families differ in the rest."""
    _, layers, path = name.partition("layers.")
    return layers + path if layers else ".".join(name.split(".")[-2:])


def _expert_names(name: str, original: dict[str, mx.array], count: int) -> list[str] | None:
    """The original names of one layer's experts, first to last."""
    match = re.fullmatch(r"(.*)\.switch_mlp\.(\w+)\.(\w+)", name)
    if match is None:
        return None
    prefix, layer, leaf = match.groups()
    for layer_name in (layer, _EXPERT_LAYERS.get(layer, layer)):
        names = [f"{prefix}.experts.{i}.{layer_name}.{leaf}" for i in range(count)]
        if all(expert_name in original for expert_name in names):
            return names
    return None


def _reads_back(model: nn.Module, tensors: dict[str, Tensor], updates: dict[str, Tensor]) -> bool:
    """Whether mlx-lm, reading `tensors` from files, gets exactly the updated weights."""
    weights: dict[str, Any] = {name: tensor() for name, tensor in tensors.items()}
    if hasattr(model, "sanitize"):
        weights = _sanitize_again(model, weights)
    for name, tensor in updates.items():
        expected = tensor()
        if name not in weights or weights[name].shape != expected.shape:
            return False
        if not mx.allclose(weights[name].astype(mx.float32), expected.astype(mx.float32), rtol=1e-5, atol=1e-6).item():
            return False
    return True


def _sanitize_again(model: nn.Module, weights: dict[str, Any]) -> dict[str, Any]:
    """model.sanitize(weights) of a model that was read before: where its files held no head, mlx-lm's Gemma 3 takes its
    own away, and fails where it finds none."""
    headless = [m for m in model.modules() if getattr(m, "tie_word_embeddings", False) and adapters.HEAD not in m]
    for module in headless:
        module[adapters.HEAD] = nn.Identity()
    try:
        sanitized: dict[str, Any] = model.sanitize(weights)
        return sanitized
    finally:
        for module in headless:
            module.pop(adapters.HEAD, None)
