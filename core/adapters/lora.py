"""LoRA: a low-rank add-on beside each chosen linear layer; the model itself stays as it is.

y = Wx + (alpha / rank) B A x (Hu et al., arXiv:2106.09685). A starts uniform within ±1/sqrt(in) and B at
zero, as in PEFT, so training starts from the unchanged model. Tensors carry mlx-lm's names and
orientation: lora_a [in, rank] = Aᵀ, lora_b [rank, out] = Bᵀ, kept in float32 whatever the base computes in.
"""

import math
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten

from core.errors import BadModel, BadOption
from core.quant import dims, is_linear


class LoRALinear(nn.Module):
    """A linear layer with its add-on. With `enabled` False it is the linear layer alone."""

    def __init__(self, linear: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__()
        inputs, outputs = dims(linear)
        self.linear = linear
        self.dropout = nn.Dropout(p=dropout)
        self.scale = scale
        self.enabled = True
        bound = 1 / math.sqrt(inputs)
        self.lora_a = mx.random.uniform(-bound, bound, (inputs, rank))
        self.lora_b = mx.zeros((rank, outputs))

    def __call__(self, x: mx.array) -> mx.array:
        y = self.linear(x)
        if not self.enabled:
            return y
        # The float32 weights are cast on use: a float32 branch would make every layer keep a float32
        # copy of its input for the gradient.
        a, b = self.lora_a.astype(x.dtype), self.lora_b.astype(x.dtype)
        return y + self.scale * ((self.dropout(x) @ a) @ b)


def attach(model: nn.Module, o: Any) -> None:
    """Freeze the model and give every target layer an add-on. `o` is core.run.Adapter. Raises BadOption."""
    scale = (2.0 * o.rank if o.alpha is None else o.alpha) / o.rank
    found = targets(model, o.targets, o.layers)
    _wrap(model, found, o.rank, scale, o.dropout)


def config(model: nn.Module, o: Any) -> dict[str, Any]:
    """adapter_config.json in mlx-lm's terms; alpha and targets are added for people."""
    alpha = 2.0 * o.rank if o.alpha is None else o.alpha
    wrapped = [name for name, m in model.named_modules() if isinstance(m, LoRALinear)]
    keys, blocks = set(), set()
    for name in wrapped:
        _, _, rest = name.partition("layers.")
        number, _, inner = rest.partition(".")
        keys.add(inner)
        blocks.add(int(number))
    count = len(model.layers)
    return {
        "fine_tune_type": "lora",
        "num_layers": count - min(blocks),
        "lora_parameters": {"rank": o.rank, "scale": alpha / o.rank, "dropout": o.dropout, "keys": sorted(keys)},
        "lora_alpha": alpha,
    }


def rebuild(model: nn.Module, saved: dict[str, Any], weights: dict[str, mx.array], folder: Path) -> None:
    """Give a fresh model the add-ons a saved adapter describes, with its weights. Raises BadModel."""
    try:
        parameters = saved["lora_parameters"]
        rank, scale, dropout = int(parameters["rank"]), float(parameters["scale"]), float(parameters["dropout"])
    except (KeyError, TypeError, ValueError):
        raise BadModel(f"{folder}/adapter_config.json lacks rank, scale or dropout under lora_parameters.") from None
    modules = dict(model.named_modules())
    names = sorted({name.rpartition(".")[0] for name in weights})
    for name in names:
        if name not in modules or not is_linear(modules[name]):
            raise BadModel(f"The adapter in {folder} belongs to another model: there is no layer {name} here.")
        a, b = weights.get(f"{name}.lora_a"), weights.get(f"{name}.lora_b")
        inputs, outputs = dims(modules[name])
        if a is None or b is None or a.shape != (inputs, rank) or b.shape != (rank, outputs):
            raise BadModel(f"The adapter in {folder} belongs to another model: {name} has other dimensions here.")
    _wrap(model, {name: modules[name] for name in names}, rank, scale, dropout)
    model.load_weights([(k, v.astype(mx.float32)) for k, v in weights.items()], strict=False)


def targets(model: nn.Module, wanted: str, last: int | None) -> dict[str, nn.Module]:
    """The linear layers inside the model's blocks that get an add-on, by name.

    `wanted` is "all", "attention", or layer names separated by commas; `last` counts blocks from the end.
    Raises BadOption when nothing matches.
    """
    blocks = model.layers
    first = 0 if last is None else max(0, len(blocks) - last)
    chosen = {id(m) for block in blocks[first:] for _, m in block.named_modules()}
    linear = {name: m for name, m in model.named_modules() if is_linear(m) and id(m) in chosen}
    if wanted == "all":
        found = linear
    elif wanted == "attention":
        found = {name: m for name, m in linear.items() if "attn" in name or "attention" in name}
    else:
        names = tuple(part.strip() for part in wanted.split(",") if part.strip())
        found = {name: m for name, m in linear.items() if any(name == n or name.endswith("." + n) for n in names)}
        kinds = {name.rpartition(".")[2] for name in linear}
        for n in names:
            if not any(name == n or name.endswith("." + n) for name in linear):
                raise BadOption(f"The model has no linear layer {n!r}; it has {', '.join(sorted(kinds))}.")
    if not found:
        raise BadOption(f"No linear layer of this model matches the targets {wanted!r}.")
    return found


def _wrap(model: nn.Module, layers: dict[str, nn.Module], rank: int, scale: float, dropout: float) -> None:
    model.freeze()
    wrapped = [(name, LoRALinear(m, rank, scale, dropout)) for name, m in layers.items()]
    model.update_modules(tree_unflatten(wrapped))
