"""The adapter layers of a model: putting them in, finding them, switching them off, reading their tensors."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core.adapters import dora, lora, rank_pattern
from core.adapters.lora import AdapterLayer
from core.adapters.rank_pattern import RankScale, RankScales
from core.adapters.saved_module import SavedModule

ADAPTER_TYPES: dict[str, ModuleType] = {lora.KIND: lora, dora.KIND: dora}


def wrap_layers(
    model: nn.Module, layers: dict[str, nn.Module], kind: str, rank_scales: RankScales, dropout: float
) -> None:
    """Freeze the model and put an adapter of a kind ("lora", "dora") on each of these layers, in place."""
    model.freeze()
    wrapped = [
        (name, ADAPTER_TYPES[kind].wrap_layer(layer, *rank_scales[name], dropout)) for name, layer in layers.items()
    ]
    model.update_modules(tree_unflatten(wrapped))


def adapter_layers(model: nn.Module) -> dict[str, AdapterLayer]:
    """The layers with an adapter, by name; {} where the model has none or every weight is trained."""
    return {name: module for name, module in model.named_modules() if isinstance(module, AdapterLayer)}


def changed_modules(model: nn.Module) -> dict[str, AdapterLayer | SavedModule]:
    """All that an adapter has put into a model, by name: its layers, and the modules that it holds whole."""
    return {name: m for name, m in model.named_modules() if isinstance(m, AdapterLayer | SavedModule)}


@contextmanager
def disable(model: nn.Module) -> Iterator[None]:
    """A context in which the model computes as before training: layers give the output of their base."""
    layers = list(changed_modules(model).values())
    for layer in layers:
        layer.enabled = False
    try:
        yield
    finally:
        for layer in layers:
            layer.enabled = True


def trainable_tensors(model: nn.Module) -> dict[str, mx.array]:
    """The trained tensors by mlx-lm's names: model.layers.0.self_attn.q_proj.lora_a and so on."""
    return dict(tree_flatten(model.trainable_parameters()))


def saved_tensors(model: nn.Module) -> dict[str, mx.array]:
    """The trained tensors as adapters.safetensors holds them, for mlx-lm too.

    They are those of `trainable_tensors`, unless layers differ in rank or scale: see core/adapters/rank_pattern.py.
    """
    layers = layer_rank_scales(model)
    tensors = trainable_tensors(model)
    return rank_pattern.to_uniform(tensors, layers) if rank_pattern.describe_exceptions(layers) else tensors


def layer_rank_scales(model: nn.Module) -> RankScales:
    """Rank and scale of every adapter layer, by name."""
    return {name: RankScale(layer.rank, layer.scale) for name, layer in adapter_layers(model).items()}


def adapter_kind(layer: AdapterLayer) -> str:
    """The kind of a layer's adapter as adapter_config.json names it: "lora" or "dora"."""
    return dora.KIND if isinstance(layer, dora.DoRALinear) else lora.KIND
