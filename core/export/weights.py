"""What a trained model's weights are called and hold when it is written as a model of its own.

The original files are the pattern: every tensor keeps its name, shape and place, also those that mlx-lm leaves out
or turns round while loading; only what training changed is replaced. So other programs find what they expect.
Where the original cannot serve (it is quantized, or mlx-lm rebuilds a changed tensor beyond recognition), the tensors
go out under mlx-lm's own names, and that is told.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.adapters import AdapterLayer
from core.quant import PackedExperts, is_linear, is_packed, linear_weight

Tensor = Callable[[], mx.array]  # made when it is written, so that a dense model never has to fit into memory

# How mlx-lm's names of expert layers are written elsewhere: one tensor for each expert.
_EXPERTS = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}
HUGGING_FACE, MLX = "Hugging Face", "mlx-lm"


def tensors(
    model: nn.Module, folder: Path, trained: set[str], dtype: mx.Dtype
) -> tuple[dict[str, tuple[int, Tensor]], str]:
    """({name: (bytes, tensor)} of a model with its add-ons merged and packed weights unpacked, whose names they are).

    `folder` is where the model was loaded from; `trained` names what else training changed ("model.norm.weight").
    Floating-point tensors come in `dtype`.
    """
    changed, plain = _merged(model)
    changed |= {name: _value(plain[name]) for name in trained if name in plain}
    source = _read(folder)
    if not any(name.endswith(".scales") for name in source):
        found = _like(source, changed)
        if found is not None and _comes_back(model, found, changed):
            return {name: _sized(tensor, dtype) for name, tensor in found.items()}, HUGGING_FACE
    everything = {name: _value(value) for name, value in plain.items()} | changed
    return {name: _sized(tensor, dtype) for name, tensor in everything.items()}, MLX


def _merged(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, mx.array]]:
    """(weights that an add-on or packing changed, all other parameters), both by the model's plain names."""
    parts = {name: m for name, m in model.named_modules() if isinstance(m, AdapterLayer)}
    inner = {id(m.base) for m in parts.values()}
    whole = parts | {n: m for n, m in model.named_modules() if is_packed(m) and id(m) not in inner}
    changed = {f"{name}.weight": _weight(m) for name, m in whole.items()}
    plain: dict[str, mx.array] = {}
    for key, value in tree_flatten(model.parameters()):
        owner = next((n for n in _parents(key) if n in whole), None)
        if owner is None:
            plain[key] = value
        elif key.rpartition(".")[2] == "bias":
            plain[f"{owner}.bias"] = value
    return changed, plain


def _parents(key: str) -> Iterator[str]:
    while "." in key:
        key = key.rpartition(".")[0]
        yield key


def _weight(m: nn.Module) -> Tensor:
    if isinstance(m, AdapterLayer):
        return lambda: (matrix(m.base) + m.delta.astype(mx.float32)).astype(mx.float32)
    return lambda: matrix(m)


def matrix(m: nn.Module) -> mx.array:
    """The weights that a layer of any kind computes with, in float32: [out, in], with experts [E, out, in]."""
    if is_linear(m):
        return linear_weight(m, mx.float32)
    if isinstance(m, PackedExperts):
        return m.unpacked(mx.float32)
    if is_packed(m):
        group, bits, mode = m.group_size, m.bits, m.mode
        return mx.dequantize(m.weight, m.scales, m.get("biases"), group, bits, mode=mode, dtype=mx.float32)
    return m.weight.astype(mx.float32)


def _value(value: mx.array) -> Tensor:
    return lambda: value


def _sized(tensor: Tensor, dtype: mx.Dtype) -> tuple[int, Tensor]:
    made = tensor()  # lazy: asked for its size alone
    floating = mx.issubdtype(made.dtype, mx.floating)
    size = made.size * (dtype.size if floating else made.dtype.size)
    return size, (lambda: tensor().astype(dtype)) if floating else tensor


def _read(folder: Path) -> dict[str, mx.array]:
    found: dict[str, mx.array] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        found |= mx.load(str(file))
    return found


def _like(source: dict[str, mx.array], changed: dict[str, Tensor]) -> dict[str, Tensor] | None:
    """The original tensors with the changed ones in their places; None where one has no place there."""
    ends: dict[str, list[str]] = {}
    for name in source:
        ends.setdefault(_end(name), []).append(name)
    found: dict[str, Tensor] = {name: _value(value) for name, value in source.items()}
    for name, tensor in changed.items():
        same = [name] if name in source else ends.get(_end(name), [])
        if len(same) == 1 and source[same[0]].shape == tensor().shape:
            found[same[0]] = tensor
            continue
        experts = _experts(name, source, tensor().shape[0])
        if experts is None:
            return None
        for i, place in enumerate(experts):
            found[place] = _slice(tensor, i)
    return found


def _slice(tensor: Tensor, index: int) -> Tensor:
    return lambda: tensor()[index]


def _end(name: str) -> str:
    _, inside, rest = name.partition("layers.")
    return inside + rest if inside else ".".join(name.split(".")[-2:])


def _experts(name: str, source: dict[str, mx.array], count: int) -> list[str] | None:
    """The original names of one layer's experts, first to last."""
    found = re.fullmatch(r"(.*)\.switch_mlp\.(\w+)\.(\w+)", name)
    if found is None:
        return None
    start, layer, leaf = found.groups()
    for other in (layer, _EXPERTS.get(layer, layer)):
        places = [f"{start}.experts.{i}.{other}.{leaf}" for i in range(count)]
        if all(place in source for place in places):
            return places
    return None


def _comes_back(model: nn.Module, written: dict[str, Tensor], changed: dict[str, Tensor]) -> bool:
    """Whether mlx-lm, reading these tensors, gets exactly the changed weights."""
    read: dict[str, Any] = {name: tensor() for name, tensor in written.items()}
    sanitize = getattr(model, "sanitize", None)
    if sanitize is not None:
        read = sanitize(read)
    for name, tensor in changed.items():
        goal = tensor()
        if name not in read or read[name].shape != goal.shape:
            return False
        if not mx.allclose(read[name].astype(mx.float32), goal.astype(mx.float32), rtol=1e-5, atol=1e-6).item():
            return False
    return True
