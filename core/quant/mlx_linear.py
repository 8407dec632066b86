"""MLX's own quantized layers, with a quicker product for long inputs where MLX's is slow, or wrong.

MLX multiplies straight from the packed weights, which is best for a few rows: one token of an answer. For many rows
(training, long prompts) its kernels are slow outside of Metal. Measured for a 2048² matrix in affine 4 bit on two
busy CPU cores, 512 rows: 4,200 ms against 120 ms for unpacking and a dense product; on an H200 4,096 rows took over a
minute for a 4096² matrix, and from about 32 rows on unpacking is the quicker. With MLX 0.32.4 on CUDA, several rows of
width 64 came out of its affine product as nonsense, rows of width 128 and 4096 as they should.
"""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten

from core.quant.linear import packed_matmul
from core.quant.modes import Mode
from core.quant.packed import quantize

# Rows up to which MLX's own product is used.
_CPU_ROWS = 3
_CUDA_ROWS = 32
_CUDA_WIDTH_MULTIPLE = 128  # of the width of such rows


class QuantizedLinear(nn.QuantizedLinear):
    """nn.QuantizedLinear in everything except its product."""

    @classmethod
    def pack(cls, linear: nn.Linear, mode: Mode) -> "QuantizedLinear":
        """Pack a linear layer in one of MLX's own formats. Raises BadModel as quantize() does."""
        packed = quantize(linear.weight, mode.name)
        outputs, inputs = packed.shape
        layer = cls(inputs, outputs, "bias" in linear, mode.block, mode.bits, mode=mode.mlx)
        layer.weight, layer.scales, layer.biases = packed.codes, packed.scales, packed.biases
        if "bias" in linear:
            layer.bias = linear.bias
        return layer

    def __call__(self, x: mx.array) -> mx.array:
        if _is_short(x):
            return super().__call__(x)
        y = _multiply_unpacked(self, x)
        return y + self["bias"].astype(y.dtype) if "bias" in self else y


class QuantizedEmbedding(nn.QuantizedEmbedding):
    """nn.QuantizedEmbedding in everything except its product as the output layer, where the two are tied."""

    def as_linear(self, x: mx.array) -> mx.array:
        return super().as_linear(x) if _is_short(x) else _multiply_unpacked(self, x)


REPLACEMENTS: dict[type[nn.Module], type[nn.Module]] = {
    nn.QuantizedLinear: QuantizedLinear,
    nn.QuantizedEmbedding: QuantizedEmbedding,
}


def replace_quantized_layers(model: nn.Module) -> int:
    """Give every quantized linear layer and embedding of a loaded model the quicker product, over the same arrays.

    Returns how many were replaced.
    """
    layers = [(name, m) for name, m in model.named_modules() if type(m) in REPLACEMENTS]
    model.update_modules(tree_unflatten([(name, _replacement(m)) for name, m in layers]))
    return len(layers)


def _replacement(layer: nn.Module) -> nn.Module:
    cls: Any = REPLACEMENTS[type(layer)]
    module: nn.Module = cls.__new__(cls)
    nn.Module.__init__(module)
    module.__dict__.update({k: v for k, v in vars(layer).items() if k not in vars(module)})  # group size, bits, mode
    for name, value in layer.items():  # a module is a dictionary of its arrays
        module[name] = value
    module.freeze()
    return module


def _is_short(x: mx.array) -> bool:
    return bool(x.size // x.shape[-1] <= max_direct_rows(x.shape[-1]))


def max_direct_rows(width: int) -> float:
    """Rows of this width up to which MLX's product with packed weights is right, and the quicker one here."""
    if mx.default_device() == mx.cpu:
        return _CPU_ROWS
    if mx.metal.is_available():
        return float("inf")
    return _CUDA_ROWS if width % _CUDA_WIDTH_MULTIPLE == 0 else 1


def _multiply_unpacked(layer: nn.Module, x: mx.array) -> mx.array:
    scales, biases = layer["scales"], layer.get("biases")
    group_size, bits, mode = layer.group_size, layer.bits, layer.mode

    def unpack(codes: mx.array, dtype: mx.Dtype) -> mx.array:
        return mx.dequantize(codes, scales, biases, group_size, bits, mode=mode, dtype=dtype)

    return packed_matmul(x, layer["weight"], unpack)
