"""A saved adapter on a model that is parted over several ranks, for answers and measuring."""

import copy
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten

from core.adapters import full
from core.adapters.files import read
from core.adapters.layers import adapter_layers
from core.adapters.load_adapter import attach_for_use, load
from core.adapters.lora import AdapterLayer
from core.adapters.parted_lora import put_on, take_off
from core.adapters.saved_module import SavedModule, saved_modules
from core.adapters.target_modules import is_embedding
from core.model.sharding import Sharding
from core.quant import is_packed

_BLOCK = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)\.")


def with_adapter(sharding: Sharding | None, folder: Path | str | None) -> Sharding | None:
    """The sharding of a model, with an adapter that goes along where it is parted by tensors: merged into the weights,
    or beside weights that are packed."""
    if sharding is None or folder is None:
        return sharding
    beside: dict[str, AdapterLayer] = {}

    def prepare(model: nn.Module) -> None:
        load(model, Path(folder))
        if any(is_packed(m.base) for m in adapter_layers(model).values()):
            beside.update(take_off(model))
        else:
            _merge(model)

    def finish(model: nn.Module) -> None:
        put_on(model, beside, sharding.group.mlx_group)

    return replace(sharding, prepare=prepare, finish=finish)


def _merge(model: nn.Module) -> None:
    """Add a model's adapter to its weights, which are not read yet, in place: mlx-lm parts plain layers. Embeddings
    stay whole in a model in parts, and keep their adapter beside them."""
    plain = {name: _merged(m) for name, m in adapter_layers(model).items() if not is_embedding(m.base)}
    plain |= {name: _replaced(m) for name, m in saved_modules(model).items() if not is_packed(m.base)}
    model.update_modules(tree_unflatten(list(plain.items())))


def _merged(layer: AdapterLayer) -> nn.Module:
    module: Any = copy.copy(layer.base)
    weight = module.weight
    module.weight = (weight.astype(mx.float32) + layer.delta).astype(weight.dtype)
    return module


def _replaced(module: SavedModule) -> nn.Module:
    plain = copy.copy(module.base)
    for name, value in module.trained.items():
        plain[name] = value
    return plain


def load_part(model: nn.Module, folder: Path) -> None:
    """Put the adapter of a folder onto the blocks that this rank has of a model that is parted by layers, in place.

    Raises BadModel.
    """
    config, weights = read(folder)
    blocks = {number for number, block in enumerate(_blocks(model)) if block is not None}
    own = {key: value for key, value in weights.items() if _is_own(key, blocks)}
    if config.get("fine_tune_type", "lora") == "full":
        full.load_weights(model, own, folder)
    elif own:
        attach_for_use(model, config, own, folder)


def _blocks(model: Any) -> list[nn.Module | None]:
    """All blocks by their number, None in the place of those that other ranks have."""
    blocks: list[nn.Module | None] = model.model.layers
    return blocks


def _is_own(key: str, blocks: set[int]) -> bool:
    match = _BLOCK.search(key)
    return match is None or int(match[1]) in blocks
