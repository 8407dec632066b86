"""What is trained: a small add-on (lora, dora) or every weight (full).

attach(model, options)         freeze and extend the model; afterwards trainable_parameters() is what learns
config(model, options, base)   what adapter_config.json says of it, in mlx-lm's terms
load(model, folder)            a saved adapter, in mlx-lm's format or PEFT's, onto a freshly loaded model
off(model)                     a context in which the model answers as before training
"""

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core.adapters import dora, full, lora, rank_pattern
from core.adapters.files import CONFIG, PEFT_WEIGHTS, WEIGHTS, Base, base_for, base_of, places, read
from core.adapters.lora import AddOn
from core.adapters.rank_pattern import Strength, Strengths
from core.adapters.target_modules import choose
from core.errors import BadModel, BadOption
from core.model.families import UNSUPPORTED, describe_support

__all__ = [
    "CONFIG", "PEFT_WEIGHTS", "WEIGHTS", "AddOn", "Base", "attach", "base_for", "base_of", "chat_template", "config",
    "load", "off", "read", "resolved", "saved_tensors", "tensors",
]  # fmt: skip

ADD_ONS: dict[str, ModuleType] = {"lora": lora, "dora": dora}


def attach(model: nn.Module, options: Any) -> None:
    """Make the model trainable as asked (`options` is core.run.Adapter).

    With options.init it goes on from that adapter: kind, rank, strength and layers are the adapter's, and what is
    asked for beside must agree with it. Raises BadOption and BadModel.
    """
    level, why = describe_support(str(getattr(model, "model_type", "")))
    if level == UNSUPPORTED:
        raise BadModel(why)
    if options.type == "full":
        full.attach(model, options)
    elif options.init:
        _go_on(model, options)
    else:
        experts = options.type != "dora"  # neither PEFT nor mlx-lm has DoRA for experts
        layers = choose(model, options.targets, options.layers, experts=experts)
        strength = Strength(options.rank, scale_of(options, options.rank))
        _wrap(model, layers, options.type, dict.fromkeys(layers, strength), options.dropout)


def scale_of(options: Any, rank: int) -> float:
    """What the product of the two small matrices is multiplied with."""
    alpha = 2.0 * rank if options.alpha is None else options.alpha
    return float(alpha / (math.sqrt(rank) if options.rslora else rank))


def tensors(model: nn.Module) -> dict[str, mx.array]:
    """What is trained, by mlx-lm's names: model.layers.0.self_attn.q_proj.lora_a and so on."""
    return dict(tree_flatten(model.trainable_parameters()))


def saved_tensors(model: nn.Module) -> dict[str, mx.array]:
    """What is trained as adapters.safetensors holds it, for mlx-lm too; the same unless layers differ in rank."""
    layers = _strengths(model)
    return rank_pattern.alike(tensors(model), layers) if rank_pattern.described(layers) else tensors(model)


def config(model: nn.Module, options: Any, base: Any) -> dict[str, Any]:
    """The contents of adapter_config.json, which mlx-lm reads to load the adapter; `base` is core.run.Model.

    Beside what mlx-lm knows it says how the base was packed while training, so that it can be built the same way.
    """
    packed = {"quantization": base.quantization, "double_quantization": base.double_quantization}
    if options.type == "full":
        about = full.config(model)
    else:
        one, layers = next(iter(add_ons(model).values())), _strengths(model)
        usual, (count, keys) = rank_pattern.common(layers), _keys(model)
        about = {
            "fine_tune_type": _kind(one),
            "num_layers": count,
            "lora_parameters": {**usual._asdict(), "dropout": _dropout(one), "keys": keys},
            "lora_alpha": _alpha(usual, options),
            "use_rslora": options.rslora,
            **rank_pattern.described(layers),
        }
    return {"model": base.path, **about, "base_precision": packed}


def resolved(model: nn.Module, options: Any) -> dict[str, Any]:
    """The adapter as used, for resolved.json: after defaults, and after an adapter to go on from."""
    asked = dataclasses.asdict(options)
    if options.type == "full":
        return asked
    one, layers = next(iter(add_ons(model).values())), _strengths(model)
    usual = rank_pattern.common(layers)
    used = {"type": _kind(one), **usual._asdict(), "alpha": _alpha(usual, options)}
    return asked | used | {"modules": len(layers)} | rank_pattern.described(layers)


def add_ons(model: nn.Module) -> dict[str, AddOn]:
    """The layers with an add-on, by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, AddOn)}


def load(model: nn.Module, folder: Path) -> None:
    """Extend a freshly loaded model with a saved adapter, whatever kind it is; for chatting and evaluating."""
    saved, weights = read(folder)
    if saved.get("fine_tune_type", "lora") == "full":
        full.rebuild(model, weights, folder)
    else:
        _rebuild(model, saved, weights, folder)


def chat_template(folder: Path) -> str | None:
    """The chat template that was chosen for the training, where the model has none of its own."""
    file = folder / "chat_template.jinja"
    return file.read_text(encoding="utf-8") if file.is_file() else None


@contextmanager
def off(model: nn.Module) -> Iterator[None]:
    """Within this, the model answers as it did before training: adapter layers pass their base's output on."""
    layers = list(add_ons(model).values())
    for layer in layers:
        layer.enabled = False
    try:
        yield
    finally:
        for layer in layers:
            layer.enabled = True


def _wrap(model: nn.Module, layers: dict[str, nn.Module], kind: str, strengths: Strengths, dropout: float) -> None:
    model.freeze()
    made = [(name, ADD_ONS[kind].beside(m, *strengths[name], dropout)) for name, m in layers.items()]
    model.update_modules(tree_unflatten(made))


def _go_on(model: nn.Module, o: Any) -> None:
    folder = Path(o.init).expanduser()
    saved, weights = read(folder)
    kind = saved.get("fine_tune_type", "lora")
    if kind == "full":
        raise BadModel(f"{folder} holds a fully trained model, not an add-on: fuse it, and give it as the model.")
    _rebuild(model, saved, weights, folder)
    layers, usual = add_ons(model), type(o)()
    one = next(iter(layers.values()))
    if o.type not in (usual.type, kind):
        raise BadOption(f"The adapter in {folder} is a {kind} adapter: {o.type} cannot go on from it.")
    rank = one.rank if o.rank == usual.rank else o.rank
    strength = o.alpha is not None or o.rslora
    if saved.get(rank_pattern.KEY) and (strength or o.rank != usual.rank):
        raise BadOption(f"The layers of the adapter in {folder} differ in rank or strength: leave rank and alpha out.")
    if rank != one.rank or (strength and not math.isclose(scale_of(o, rank), one.scale, rel_tol=1e-6)):
        raise BadOption(
            f"The adapter in {folder} was trained with rank {one.rank} and alpha {one.scale * one.rank:g}; "
            "ask for the same, or leave both out, to go on from it."
        )
    if (o.targets, o.layers) != (usual.targets, usual.layers):
        asked = set(choose(model, o.targets, o.layers))
        odd = sorted(asked ^ set(layers))
        if odd:
            side = "has" if odd[0] in layers else "lacks"
            raise BadOption(f"The adapter in {folder} {side} an add-on for {odd[0]}; leave targets and layers out.")
    for layer in layers.values():
        layer.dropout = nn.Dropout(p=o.dropout)


def _rebuild(model: nn.Module, saved: dict[str, Any], weights: dict[str, mx.array], folder: Path) -> None:
    """Give a fresh model the add-ons that a saved adapter describes, with its weights. Raises BadModel."""
    kind = saved.get("fine_tune_type", "lora")
    if kind not in ADD_ONS:
        raise BadModel(f"The adapter in {folder} is of the kind {kind!r}, which is not supported.")
    able = choose_all(model)
    known = places(sorted({key.rpartition(".")[0] for key in weights}), set(able))
    weights = {f"{known[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value for key, value in weights.items()}
    for name in known.values():
        if name not in able:
            raise BadModel(f"The adapter in {folder} belongs to another model: there is no layer {name} here.")
    if not known:
        raise BadModel(f"The adapter in {folder} is empty.")
    try:
        strengths = {known[name]: own for name, own in rank_pattern.strengths(saved, known).items()}
        dropout = float(saved["lora_parameters"].get("dropout", 0.0))
    except (BadModel, TypeError, ValueError):
        raise BadModel(f"{folder}/{CONFIG} lacks rank or scale under lora_parameters.") from None
    try:
        _wrap(model, {name: able[name] for name in strengths}, kind, strengths, dropout)
    except BadOption as error:
        raise BadModel(f"The adapter in {folder} cannot be used: {error}") from None
    for name, layer in add_ons(model).items():
        for leaf, shape in layer.shapes.items():
            value = weights.get(f"{name}.{leaf}")
            if value is None or tuple(value.shape) != shape:
                raise BadModel(f"The adapter in {folder} belongs to another model: {name} has other dimensions here.")
    model.load_weights([(k, v.astype(mx.float32)) for k, v in weights.items()], strict=False)


def choose_all(model: nn.Module) -> dict[str, nn.Module]:
    """Every layer that can have an add-on, by name."""
    return choose(model, "*", None)


def _keys(model: nn.Module) -> tuple[int, list[str]]:
    """(blocks counted from the end, names of layers) with which mlx-lm finds the same layers again.

    Names within a block where every one of these blocks has the same; else whole names, which it knows too.
    """
    wrapped = add_ons(model)
    blocks = {id(block): i for i, block in enumerate(model.layers)}
    places = {f"{name}.": blocks[id(m)] for name, m in model.named_modules() if id(m) in blocks}
    inner: dict[int, set[str]] = {}
    for name in wrapped:
        prefix = next((p for p in places if name.startswith(p)), None)
        if prefix is not None:
            inner.setdefault(places[prefix], set()).add(name.removeprefix(prefix))
    outside = [name for name in wrapped if not any(name.startswith(p) for p in places)]
    count = len(model.layers) - min(inner, default=0)
    alike = len({frozenset(names) for names in inner.values()}) == 1 and len(inner) == count
    if alike:
        return count, sorted(next(iter(inner.values()))) + sorted(outside)
    return count, sorted(wrapped)


def _kind(layer: AddOn) -> str:
    return dora.KIND if isinstance(layer, dora.DoRALinear) else lora.KIND


def _strengths(model: nn.Module) -> Strengths:
    return {name: Strength(m.rank, m.scale) for name, m in add_ons(model).items()}


def _alpha(layer: Strength, options: Any) -> float:
    return layer.scale * (math.sqrt(layer.rank) if options.rslora else layer.rank)


def _dropout(layer: AddOn) -> float:
    return float(1 - layer.dropout._p_1)
