"""LoRA on the layers of a model that is parted over ranks by tensors, for training and for packed weights.

Every rank holds the adapter whole, and computes with the part that fits its part of the layer: with some columns of B
where a layer gives each rank some of its outputs, with some rows of A where it takes some of the inputs from each. A
rank's gradient has its own part alone; over the ranks they add up to that of the whole model. Here it comes times their
number, as every other gradient does that is computed on all of them: so their mean is the gradient, whichever it is.
"""

import re
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.nn.layers import distributed
from mlx.utils import tree_unflatten

from core.adapters.layers import adapter_layers
from core.adapters.lora import AdapterLayer, LoRALinear
from core.adapters.saved_module import saved_modules
from core.errors import BadModel
from core.quant import replace_quantized_layers
from core.text.sentence import say

_TO_PARTS = (distributed.AllToShardedLinear, distributed.QuantizedAllToShardedLinear)
_FROM_PARTS = (distributed.ShardedToAllLinear, distributed.QuantizedShardedToAllLinear)
_IN_BLOCK = re.compile(r"(?:^|\.)layers\.\d+\.")


class _PartedLoRA(LoRALinear):
    """A LoRA adapter that is whole, over this rank's part of a layer."""

    def __init__(self, whole: LoRALinear, part: nn.Module, group: Any) -> None:
        nn.Module.__init__(self)
        self.rank, self.scale, self.dropout, self.enabled, self.merged = (
            whole.rank,
            whole.scale,
            whole.dropout,
            True,
            None,
        )
        self.lora_a, self.lora_b = whole.lora_a, whole.lora_b
        self.linear = part
        self._group = group

    def _own(self, width: int) -> slice:
        """This rank's part of so many rows or columns."""
        part = width // self._group.size()
        return slice(self._group.rank() * part, (self._group.rank() + 1) * part)

    def _counted(self, factor: mx.array) -> mx.array:
        """The factor itself, whose gradient counts for all ranks."""
        ranks = self._group.size()
        return ranks * factor - mx.stop_gradient((ranks - 1) * factor)


class LoRAToParts(_PartedLoRA):
    """Over a layer that gives each rank some of its outputs."""

    def __call__(self, x: mx.array) -> mx.array:
        return super().__call__(distributed.sum_gradients(self._group)(x))

    def factors(self, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
        a, b = super().factors(dtype)
        return self._counted(a), self._counted(b)[:, self._own(b.shape[1])]


class LoRAFromParts(_PartedLoRA):
    """Over a layer that takes some of the inputs from each rank; a bias is added once."""

    def __init__(self, whole: LoRALinear, part: nn.Module, group: Any) -> None:
        super().__init__(whole, part, group)
        self._bias = part.pop("bias", None)

    def __call__(self, x: mx.array) -> mx.array:
        y = mx.distributed.all_sum(super().__call__(x), group=self._group)
        return y if self._bias is None else y + self._bias.astype(y.dtype)

    def factors(self, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
        a, b = super().factors(dtype)
        return self._counted(a)[self._own(a.shape[0])], self._counted(b)


def take_off(model: nn.Module) -> dict[str, AdapterLayer]:
    """The adapter layers of a whole model, which is left as it was without them. Raises BadModel where the adapter is
    more than such layers."""
    if whole := next(iter(saved_modules(model)), None):
        raise BadModel(
            say("An adapter that holds a module whole ({whole}) cannot go along with a model in parts.", whole=whole)
        )
    layers = adapter_layers(model)
    model.update_modules(tree_unflatten([(name, layer.base) for name, layer in layers.items()]))
    return layers


def put_on(model: nn.Module, layers: dict[str, AdapterLayer], group: Any) -> None:
    """Put adapter layers that take_off() gave onto the model, which was parted since, in place; they alone are trained.

    Raises BadModel where mlx-lm parts one of these layers in a way that an adapter cannot follow.
    """
    if not layers:
        return
    modules = dict(model.named_modules())
    model.freeze()
    model.update_modules(tree_unflatten([(n, _fit(n, layer, modules[n], group)) for n, layer in layers.items()]))
    replace_quantized_layers(model)


def _fit(name: str, layer: AdapterLayer, part: nn.Module, group: Any) -> nn.Module:
    if type(layer) is LoRALinear and isinstance(part, _TO_PARTS):
        return LoRAToParts(layer, _plain(part), group)
    if type(layer) is LoRALinear and isinstance(part, _FROM_PARTS):
        return LoRAFromParts(layer, _plain(part), group)
    # Beside the blocks, every rank has embeddings and output layer whole. Within one, what is whole may work on what is
    # not, and get a gradient of another kind.
    if part is layer.base and not _IN_BLOCK.search(name):
        return layer
    raise BadModel(
        say(
            "An adapter on {module} cannot go along with a model of this family in parts: LoRA alone "
            "can, on plain layers that mlx-lm parts (--targets chooses the layers).",
            module=name.rpartition(".")[2],
        )
    )


def _plain(part: Any) -> nn.Module:
    """A layer without an exchange over this rank's part of the weights."""
    packed = "scales" in part
    plain: Any = nn.QuantizedLinear.__new__(nn.QuantizedLinear) if packed else nn.Linear.__new__(nn.Linear)
    nn.Module.__init__(plain)
    if packed:
        plain.group_size, plain.bits, plain.mode = part.group_size, part.bits, part.mode
    for key in ("weight", "scales", "biases", "bias"):
        if part.get(key) is not None:
            plain[key] = part[key]
    plain.freeze()
    return plain
