"""PackedLinear and PackedExperts: linear layers whose weights stay packed; and functions for linear layers of any kind.

The dense matrix exists only while a product is computed. Forward and backward each unpack it again: kept from one to
the other, the dense matrices of all layers would be in memory at once, and packing would have saved nothing.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.quant.double import NestedScales
from core.quant.modes import find_mode
from core.quant.packed import Packed, dequantize, multiply, quantize


def packed_matmul(
    x: mx.array,
    codes: mx.array,
    unpack: Callable[[mx.array, mx.Dtype], mx.array],
    multiply_codes: Callable[[mx.array], mx.array | None] = lambda x: None,
) -> mx.array:
    """x [..., in] times the transpose of a packed matrix, in x's precision: [..., out].

    `unpack` makes the dense matrix [out, in] in a dtype from the codes; `multiply_codes` computes the product without
    the dense matrix, or returns None where it cannot. The gradient goes to x alone.
    """

    def dense_after(operand: mx.array) -> mx.array:
        # Depends on the other operand of the product: else the codes alone decide when a layer is unpacked, and MLX
        # may do so too early. Measured through 16 layers on a CPU: half as many dense matrices more at the peak,
        # compiled or not.
        (codes_after,) = mx.depends([codes], [operand])
        return unpack(codes_after, x.dtype)

    @mx.custom_function
    def forward(x: mx.array) -> mx.array:
        y = multiply_codes(x)
        return x @ dense_after(x).T if y is None else y

    @forward.vjp
    def backward(x: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
        return cotangent @ dense_after(cotangent)

    return forward(x)


class PackedLinear(nn.Module):
    """A linear layer over weights in nf4, fp4 or int8, frozen from the start. Not MLX's nn.QuantizedLinear.

    It maps x [..., in] to [..., out] in x's precision, and its codes and scales get no gradient. Its arrays are those
    of core.quant.packed.Packed: codes, scales, with double quantization nested_scales and nested_mean, and bias [out]
    where the layer has one.
    """

    def __init__(self, packed: Packed, bias: mx.array | None = None) -> None:
        super().__init__()
        self.output_dims, self.input_dims = packed.shape
        info = find_mode(packed.mode)
        self.mode = packed.mode
        self.bits = info.bits
        self.group_size = info.block or self.input_dims  # the name that MLX's quantized layers have for it
        self.double = packed.nested is not None
        self.codes = packed.codes
        self.scales = packed.scales
        if packed.nested is not None:
            self.nested_scales, self.nested_mean = packed.nested
        if bias is not None:
            self.bias = bias
        self.freeze()

    @classmethod
    def from_linear(cls, linear: nn.Linear, mode: str, double: bool = False) -> "PackedLinear":
        """Pack the weights of a linear layer; evaluated. Raises BadOption and BadModel as quantize() does."""
        return cls(quantize(linear.weight, mode, double=double), linear.get("bias"))

    @property
    def packed(self) -> Packed:
        """The weights as a Packed [out, in]."""
        nested = NestedScales(self.nested_scales, self.nested_mean) if self.double else None
        return Packed(self.mode, (self.output_dims, self.input_dims), self.codes, self.scales, nested=nested)

    def __call__(self, x: mx.array) -> mx.array:
        packed = self.packed
        y = packed_matmul(
            x,
            packed.codes,
            lambda codes, dtype: dequantize(packed._replace(codes=codes), dtype),
            lambda x: multiply(x, packed),
        )
        return y + self.bias.astype(y.dtype) if "bias" in self else y

    def _extra_repr(self) -> str:
        return (
            f"input_dims={self.input_dims}, output_dims={self.output_dims}, bias={'bias' in self}, "
            f"mode={self.mode}, double={self.double}"
        )


class PackedExperts(nn.Module):
    """The linear layer of many experts (mlx-lm's SwitchLinear) over weights in nf4, fp4 or int8, frozen.

    It is called like a SwitchLinear: x [..., k, in] and `indices` [...], the expert of each product, give [..., k, out]
    in x's precision, where the leading dimensions broadcast; `sorted_indices` says that the indices ascend.

    The matrices of the experts are packed as one matrix, stacked along the rows: [experts x out, in]. While a product
    is computed, all experts of the layer are unpacked.
    """

    def __init__(self, packed: Packed, num_experts: int, bias: mx.array | None = None) -> None:
        super().__init__()
        info = find_mode(packed.mode)
        self.num_experts = num_experts
        self.output_dims, self.input_dims = packed.shape[0] // num_experts, packed.shape[1]
        self.mode, self.bits, self.group_size = packed.mode, info.bits, info.block or packed.shape[1]
        self.double = packed.nested is not None
        self.codes, self.scales = packed.codes, packed.scales
        if packed.nested is not None:
            self.nested_scales, self.nested_mean = packed.nested
        if bias is not None:
            self.bias = bias  # [experts, out]
        self.freeze()

    @classmethod
    def from_experts(cls, layer: nn.Module, mode: str, double: bool = False) -> "PackedExperts":
        """Pack the weights of a SwitchLinear; evaluated. Raises BadOption and BadModel as quantize() does."""
        flat = layer.weight.reshape(-1, layer.weight.shape[-1])
        return cls(quantize(flat, mode, double=double), layer.weight.shape[0], layer.get("bias"))

    @property
    def packed(self) -> Packed:
        """The weights as one Packed [experts x out, in]."""
        nested = NestedScales(self.nested_scales, self.nested_mean) if self.double else None
        shape = (self.num_experts * self.output_dims, self.input_dims)
        return Packed(self.mode, shape, self.codes, self.scales, nested=nested)

    def unpacked(self, dtype: mx.Dtype, wait_for: mx.array | None = None) -> mx.array:
        """The dense matrices [experts, out, in]; not evaluated, and computed only after `wait_for`."""
        packed = self.packed
        if wait_for is not None:
            (codes,) = mx.depends([packed.codes], [wait_for])
            packed = packed._replace(codes=codes)
        return dequantize(packed, dtype).reshape(self.num_experts, self.output_dims, self.input_dims)

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> mx.array:
        def multiply_selected(x: mx.array, wait_for: mx.array) -> mx.array:
            weights = self.unpacked(x.dtype, wait_for).swapaxes(-1, -2)
            return mx.gather_mm(x, weights, rhs_indices=indices, sorted_indices=sorted_indices)

        @mx.custom_function
        def forward(x: mx.array) -> mx.array:
            return multiply_selected(x, x)

        @forward.vjp
        def backward(x: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
            _, (gradient,) = mx.vjp(lambda x: multiply_selected(x, cotangent), [x], [cotangent])
            return gradient

        y = forward(x)
        return y + mx.expand_dims(self.bias[indices], -2).astype(y.dtype) if "bias" in self else y


def is_linear(m: Any) -> bool:
    """Whether a module is a linear layer that an adapter can wrap: dense, MLX's quantized, or packed."""
    return isinstance(m, nn.Linear | nn.QuantizedLinear | PackedLinear)


def is_packed(m: Any) -> bool:
    """Whether a module, linear or not, holds its weights packed, in MLX's formats or in those of core.quant."""
    return isinstance(m, PackedLinear | PackedExperts) or (
        isinstance(m, nn.Module) and hasattr(m, "bits") and "scales" in m
    )


def linear_dims(linear: nn.Module) -> tuple[int, int]:
    """(inputs, outputs) of a linear layer of any kind."""
    if isinstance(linear, PackedLinear):
        return linear.input_dims, linear.output_dims
    outputs, inputs = linear.weight.shape
    if isinstance(linear, nn.QuantizedLinear):
        inputs = inputs * 32 // linear.bits
    return inputs, outputs


def linear_weight(linear: nn.Module, dtype: mx.Dtype | None = None) -> mx.array:
    """The weight matrix [out, in] of a linear layer of any kind; not evaluated.

    Without `dtype` it has the layer's own precision, which for nf4, fp4 and int8 is float32.
    """
    if isinstance(linear, PackedLinear):
        return dequantize(linear.packed, dtype or mx.float32)
    if isinstance(linear, nn.QuantizedLinear):
        return mx.dequantize(
            linear.weight,
            linear.scales,
            linear.get("biases"),
            linear.group_size,
            linear.bits,
            mode=linear.mode,
            dtype=dtype,
        )
    return linear.weight if dtype is None else linear.weight.astype(dtype)


def count_weights(model: nn.Module) -> int:
    """The number of weights of a model; packed ones count as the dense ones they replace."""
    leaves = [m for _, m in tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)]
    return sum(_count_leaf(m) for m in leaves)


def _count_leaf(m: nn.Module) -> int:
    if isinstance(m, PackedLinear):
        weights = m.input_dims * m.output_dims
    elif isinstance(m, PackedExperts):
        weights = m.num_experts * m.input_dims * m.output_dims
    elif is_packed(m):
        weights = m.weight.size * 32 // m.bits
    else:
        return sum(v.size for _, v in tree_flatten(m.parameters()))
    return weights + (m.bias.size if "bias" in m else 0)
