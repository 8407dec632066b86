"""PackedLinear: a linear layer whose weights stay packed; and what to ask of linear layers of every kind.

The dense matrix exists only while a product is taken. Forward and backward each unpack it again: kept from one to
the other, the dense matrices of all layers would lie in memory at once, and packing would have saved nothing.
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
    straight: Callable[[mx.array], mx.array | None] = lambda x: None,
) -> mx.array:
    """x [..., in] times the transpose of a packed matrix, in x's precision: [..., out].

    `unpack` turns the codes into the dense matrix [out, in] of a precision; `straight` may have a way without it.
    The gradient goes to x alone.
    """

    def dense_after(other: mx.array) -> mx.array:
        # Tied to what it is multiplied with: else the codes alone decide when a layer is unpacked, and MLX may do so
        # before its turn. Measured through 16 layers on a CPU: half as many dense matrices more at the peak,
        # compiled or not.
        (tied,) = mx.depends([codes], [other])
        return unpack(tied, x.dtype)

    @mx.custom_function
    def forward(x: mx.array) -> mx.array:
        made = straight(x)
        return x @ dense_after(x).T if made is None else made

    @forward.vjp
    def backward(x: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
        return cotangent @ dense_after(cotangent)

    return forward(x)


class PackedLinear(nn.Module):
    """A linear layer over weights in nf4, fp4 or int8, frozen from the start. Not MLX's nn.QuantizedLinear.

    Its arrays are those of core.quant.packed.Packed: codes, scales, with double quantization nested_scales and
    nested_mean, and bias [out] where the layer has one.
    """

    def __init__(self, packed: Packed, bias: mx.array | None = None) -> None:
        super().__init__()
        self.output_dims, self.input_dims = packed.shape
        about = find_mode(packed.mode)
        self.mode = packed.mode
        self.bits = about.bits
        self.group_size = about.block or self.input_dims  # the name that MLX's quantized layers have for it
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
        """A linear layer with its weights packed; evaluated. Raises BadOption and BadModel as quantize() does."""
        return cls(quantize(linear.weight, mode, double=double), linear.get("bias"))

    @property
    def packed(self) -> Packed:
        """The weights as the value they are."""
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

    The experts' matrices are packed as one below the other: [experts x out, in]. While a product is taken, all
    experts of the layer are unpacked.
    """

    def __init__(self, packed: Packed, num_experts: int, bias: mx.array | None = None) -> None:
        super().__init__()
        about = find_mode(packed.mode)
        self.num_experts = num_experts
        self.output_dims, self.input_dims = packed.shape[0] // num_experts, packed.shape[1]
        self.mode, self.bits, self.group_size = packed.mode, about.bits, about.block or packed.shape[1]
        self.double = packed.nested is not None
        self.codes, self.scales = packed.codes, packed.scales
        if packed.nested is not None:
            self.nested_scales, self.nested_mean = packed.nested
        if bias is not None:
            self.bias = bias  # [experts, out]
        self.freeze()

    @classmethod
    def from_experts(cls, layer: nn.Module, mode: str, double: bool = False) -> "PackedExperts":
        """A SwitchLinear with its weights packed; evaluated. Raises BadOption and BadModel as quantize() does."""
        flat = layer.weight.reshape(-1, layer.weight.shape[-1])
        return cls(quantize(flat, mode, double=double), layer.weight.shape[0], layer.get("bias"))

    @property
    def packed(self) -> Packed:
        """The weights as the value they are: one matrix [experts x out, in]."""
        nested = NestedScales(self.nested_scales, self.nested_mean) if self.double else None
        shape = (self.num_experts * self.output_dims, self.input_dims)
        return Packed(self.mode, shape, self.codes, self.scales, nested=nested)

    def unpacked(self, dtype: mx.Dtype, after: mx.array | None = None) -> mx.array:
        """The matrices [experts, out, in]; not evaluated, and not before `after` is."""
        packed = self.packed
        if after is not None:
            (codes,) = mx.depends([packed.codes], [after])
            packed = packed._replace(codes=codes)
        return dequantize(packed, dtype).reshape(self.num_experts, self.output_dims, self.input_dims)

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> mx.array:
        def chosen(x: mx.array, after: mx.array) -> mx.array:
            weights = self.unpacked(x.dtype, after).swapaxes(-1, -2)
            return mx.gather_mm(x, weights, rhs_indices=indices, sorted_indices=sorted_indices)

        @mx.custom_function
        def forward(x: mx.array) -> mx.array:
            return chosen(x, x)

        @forward.vjp
        def backward(x: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
            _, (slope,) = mx.vjp(lambda x: chosen(x, cotangent), [x], [cotangent])
            return slope

        y = forward(x)
        return y + mx.expand_dims(self.bias[indices], -2).astype(y.dtype) if "bias" in self else y


def is_linear(m: Any) -> bool:
    """Whether a module is a linear layer that an adapter can sit beside: dense, MLX's quantized, or packed."""
    return isinstance(m, nn.Linear | nn.QuantizedLinear | PackedLinear)


def is_packed(m: Any) -> bool:
    """Whether a module, linear or not, holds its weights packed, in MLX's way or in ours."""
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


def dense_weight(linear: nn.Module, dtype: mx.Dtype | None = None) -> mx.array:
    """The matrix [out, in] that a linear layer of any kind computes with; not evaluated.

    Without `dtype` it comes in the layer's own precision, which for nf4, fp4 and int8 is float32.
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
    """Number of weights of a model, packed ones counted as what they stand for."""
    leaves = [m for _, m in tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module)]
    return sum(_count(m) for m in leaves)


def _count(m: nn.Module) -> int:
    if isinstance(m, PackedLinear):
        weights = m.input_dims * m.output_dims
    elif isinstance(m, PackedExperts):
        weights = m.num_experts * m.input_dims * m.output_dims
    elif is_packed(m):
        weights = m.weight.size * 32 // m.bits
    else:
        return sum(v.size for _, v in tree_flatten(m.parameters()))
    return weights + (m.bias.size if "bias" in m else 0)
