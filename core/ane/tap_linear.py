"""The gradient of blocks whose linear layers were computed elsewhere.

TapLinear stands for a linear layer in a copy of a block: it gives the output that is known already, and its gradient is
the linear's and its adapter's. Norms, RoPE, attention and the activation stay the block's own code, which MLX
differentiates. So the backward pass multiplies by each frozen matrix once instead of twice.
"""

import copy
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.ane.block import LINEARS, base_linear


class OnEngine(nn.Module):
    """Marks a block that a program computes."""


def own_class(block: nn.Module) -> type[nn.Module]:
    """The class of a block without OnEngine, and without what else was put around it since."""
    classes = type(block).__mro__
    return classes[classes.index(OnEngine) + 1] if OnEngine in classes else classes[0]


class TapLinear(nn.Module):
    """A linear layer with a known output; `factors` are lora_a [in, rank], lora_b [rank, out] and the scale."""

    def __init__(self, base: nn.Module, output: mx.array, factors: tuple[mx.array, mx.array, float] | None) -> None:
        super().__init__()
        self._parts = (base, output, factors)  # in a tuple, so that they are no parameters of this module

    def __call__(self, x: mx.array) -> mx.array:
        """The known output [..., out], whatever x [..., in] is."""
        base, output, factors = self._parts
        return _frozen(base, output, x) if factors is None else _adapted(base, output, x, *factors)


def _frozen(base: nn.Module, output: mx.array, x: mx.array) -> mx.array:
    @mx.custom_function
    def forward(x: mx.array) -> mx.array:
        return output.astype(x.dtype)

    @forward.vjp
    def backward(x: mx.array, grad: mx.array, y: mx.array) -> mx.array:
        return mx.vjp(base, [x], [grad])[1][0]

    return forward(x)


def _adapted(base: nn.Module, output: mx.array, x: mx.array, a: mx.array, b: mx.array, scale: float) -> mx.array:
    @mx.custom_function
    def forward(x: mx.array, a: mx.array, b: mx.array) -> mx.array:
        return output.astype(x.dtype)

    @forward.vjp
    def backward(primals: Any, grad: mx.array, y: mx.array) -> tuple[mx.array, mx.array, mx.array]:
        x, a, b = primals
        in_a, in_b = a.astype(x.dtype), b.astype(x.dtype)
        (base_grad,) = mx.vjp(base, [x], [grad])[1]
        rows, grad_rows = x.reshape(-1, x.shape[-1]), scale * grad.reshape(-1, grad.shape[-1])
        narrow_grad = grad_rows @ in_b.T
        x_grad = base_grad + (narrow_grad @ in_a.T).reshape(x.shape)
        a_grad, b_grad = rows.T @ narrow_grad, (rows @ in_a).T @ grad_rows
        return x_grad, a_grad.astype(a.dtype), b_grad.astype(b.dtype)

    y: mx.array = forward(x, a, b)
    return y


def tapped_copy(
    block: nn.Module, outputs: dict[str, mx.array], factors: dict[str, tuple[mx.array, mx.array, float]]
) -> nn.Module:
    """A block that shares everything with `block`, save its linears, which are TapLinears.

    `outputs` are those of all the linears, `factors` those of the adapters, by their names in LINEARS.
    """
    twin = copy.copy(block)
    twin.__class__ = own_class(block)
    for part in ("self_attn", "mlp"):
        twin[part] = copy.copy(block[part])
    for name, (part, attribute) in LINEARS.items():
        twin[part][attribute] = TapLinear(base_linear(block, name), outputs[name], factors.get(name))
    return twin
