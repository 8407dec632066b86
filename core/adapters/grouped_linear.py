"""Linear layers that take the same input as one product: queries, keys and values; gate and up.

Their frozen weights lie in one matrix, of which each layer's own weight is a view: nothing is in memory twice, and the
layers go on working by themselves. Their adapters keep their tensors; a step puts them together.
"""

import copy
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.adapters.lora import LoRALinear, linear_plus_adapter
from core.quant import PackedLinear

BLOCK = 64  # weights of a packed layer that share a scale


class GroupedLinear:
    """Layers [..., in] to [..., out] each, with LoRA adapters or without, as one to the sum of their outputs.

    `outputs` are the sizes that the result is to be split by.
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        """Joins the weights of layers that can_group() accepts; evaluated."""
        self._layers = tuple(layers)
        linears = [_base(layer) for layer in layers]
        self._joined: Any = linears[0]
        self._views: list[tuple[nn.Module, str, mx.array]] = []
        self.outputs = tuple(_rows(linear) for linear in linears)
        if len(layers) > 1:
            self._joined = self._join(linears)

    def _join(self, linears: list[nn.Module]) -> nn.Module:
        joined: Any = copy.copy(linears[0])
        if isinstance(joined, PackedLinear):
            joined.output_dims = sum(self.outputs)
        for name in _arrays(linears[0]):
            parts = [linear[name] for linear in linears]
            joined[name] = whole = mx.concatenate(parts)
            views = mx.split(whole, list(accumulate(len(part) for part in parts))[:-1])
            mx.eval(whole, views)
            for linear, view in zip(linears, views, strict=True):
                linear[name] = view
                self._views.append((linear, name, view))
        module: nn.Module = joined
        return module

    @property
    def is_current(self) -> bool:
        """Whether the layers still have the weights that were joined, and their adapters act."""
        return all(linear.get(name) is view for linear, name, view in self._views) and all(
            layer.enabled for layer in self._layers if isinstance(layer, LoRALinear)
        )

    def __call__(self, x: mx.array) -> mx.array:
        """[N, sum of outputs] from x [N, in]."""
        if len(self._layers) == 1:
            y: mx.array = self._layers[0](x)
            return y
        factors = self._factors(x.dtype)
        return self._joined(x) if factors is None else linear_plus_adapter(self._joined, x, *factors)

    def _factors(self, dtype: mx.Dtype) -> tuple[mx.array, mx.array] | None:
        """All adapters as one: A side by side [in, R], B block-diagonal [R, sum of outputs]; None where none is."""
        downs, ups, start, total = [], [], 0, sum(self.outputs)
        for layer, size in zip(self._layers, self.outputs, strict=True):
            if isinstance(layer, LoRALinear):
                a, b = layer.factors(dtype)
                downs.append(a)
                ups.append(mx.pad(b, ((0, 0), (start, total - start - size))))
            start += size
        return (mx.concatenate(downs, axis=1), mx.concatenate(ups)) if downs else None


def can_group(layers: Sequence[Any]) -> bool:
    """Whether these layers can be one product: linear layers of one kind, with LoRA without dropout or bare."""
    if any(isinstance(m, LoRALinear) and (type(m) is not LoRALinear or m.dropout._p_1 < 1) for m in layers):
        return False
    linears = [_base(layer) for layer in layers]
    first = linears[0]
    if type(first) not in (nn.Linear, PackedLinear) and not isinstance(first, nn.QuantizedLinear):
        return False
    return all(
        type(linear) is type(first)
        and _arrays(linear) == _arrays(first)
        and all(linear[name].dtype == first[name].dtype for name in _arrays(first))
        and not linear.trainable_parameters()
        and _settings(linear) == _settings(first)
        and not (isinstance(linear, PackedLinear) and _splits_blocks(linear))
        for linear in linears
    )


def _base(layer: Any) -> Any:
    return layer.base if isinstance(layer, LoRALinear) else layer


def _rows(linear: Any) -> int:
    return int(linear.output_dims if isinstance(linear, PackedLinear) else len(linear.weight))


def _arrays(linear: nn.Module) -> list[str]:
    """The names of a layer's tensors."""
    return [name for name, value in linear.items() if isinstance(value, mx.array)]


def _settings(linear: Any) -> tuple[Any, ...]:
    """What layers of packed weights have to have in common."""
    if isinstance(linear, nn.Linear):
        return (linear.weight.shape[1],)
    shape = linear.input_dims if isinstance(linear, PackedLinear) else linear.weight.shape[1]
    return shape, linear.mode, linear.bits, linear.group_size


def _splits_blocks(linear: PackedLinear) -> bool:
    """Whether weights of two layers would share a scale, or each layer's scales have a scale of their own."""
    return bool(linear.double or (linear.bits == 4 and linear.input_dims * linear.output_dims % BLOCK))
