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
from core.adapters.stacked_factors import Factors, KeptFactors, join_factors, keep_factors
from core.model.kernels.check import PRODUCT_PARTS, unavailable_reason
from core.model.kernels.pieces import swiglu
from core.model.kernels.token_product import Around, JoinedLinear, takes, token_product
from core.quant import PackedLinear, linear_dims

BLOCK = 64  # weights of a packed layer that share a scale


class GroupedLinear:
    """Layers [N, in] to [N, out] each, with LoRA adapters or without, as one to the outputs of all side by side."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        """Joins the weights of layers that can_group() accepts; evaluated."""
        self._layers = tuple(layers)
        linears = [_base(layer) for layer in layers]
        self._joined: Any = linears[0]
        self._views: list[tuple[nn.Module, str, mx.array]] = []
        sizes = [linear_dims(linear)[1] for linear in linears]
        ends = list(accumulate(sizes))
        self._places = tuple((end - size, end) for size, end in zip(sizes, ends, strict=True))
        if len(layers) > 1:
            self._joined = self._join(linears)

    def _join(self, linears: list[nn.Module]) -> nn.Module:
        joined: Any = copy.copy(linears[0])
        if isinstance(joined, PackedLinear):
            joined.output_dims = self._places[-1][1]
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
        """Whether the layers still have the weights that were joined."""
        return all(linear.get(name) is view for linear, name, view in self._views)

    def join_factors(self, pairs: Sequence[Factors | None]) -> Factors | None:
        """The stacked factors of each layer's adapter as those of all at once (core.adapters.stacked_factors)."""
        return join_factors(pairs, self._places, self._places[-1][1])

    def factors(self, dtype: mx.Dtype) -> Factors | None:
        """The factors of all adapters as those of one, as __call__() takes them; None where no adapter acts."""
        own = [
            layer.factors(dtype) if isinstance(layer, LoRALinear) and layer.enabled else None for layer in self._layers
        ]
        joined = self.join_factors([None if pair is None else (pair[0][None], pair[1][None]) for pair in own])
        return None if joined is None else (joined[0].squeeze(0), joined[1].squeeze(0))

    def __call__(self, x: mx.array, factors: Factors | KeptFactors | None = None) -> mx.array:
        """The outputs of all layers [N, sum of out] from x [N, in]; `factors` of all adapters where they are ready."""
        if factors is None and len(self._layers) == 1:
            y: mx.array = self._layers[0](x)
            return y
        own = self.factors(x.dtype) if factors is None else factors
        return self._joined(x) if own is None else linear_plus_adapter(self._joined, x, own[0], own[1])

    def multiply_token(self, x: mx.array, factors: Factors | KeptFactors | None, around: Around) -> mx.array:
        """The same for one token of each row with what is around it, without a gradient: one kernel where it can be."""
        if not unavailable_reason(PRODUCT_PARTS) and type(self._joined) is nn.Linear and self._ranks_are_equal:
            own = self.factors(x.dtype) if factors is None else factors
            if own is not None and not isinstance(own, KeptFactors):
                own = keep_factors(own)
            starts = tuple(first for first, _ in self._places)
            adapter = (None, None) if own is None else (own.a_rows, own.b)
            linear = JoinedLinear(self._joined.weight, self._joined.get("bias"), starts, *adapter)
            if takes(x, linear, around):
                return token_product(x, linear, around)
        y = self(x if around.norm is None else mx.fast.rms_norm(x, around.norm, around.eps), factors)
        y = swiglu(y) if around.gated else y
        return y if around.residual is None else around.residual + y

    @property
    def _ranks_are_equal(self) -> bool:
        return len({layer.rank if isinstance(layer, LoRALinear) else 0 for layer in self._layers}) == 1


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
