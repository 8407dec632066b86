"""Base weights in fewer bits: the codecs, packed matrices, and linear layers that compute from packed weights.

MODES                       the formats, each with its facts and texts; reading it loads no MLX
quantize, dequantize        a matrix to a Packed and back
PackedLinear                a linear layer over a Packed, with the gradient to its input
PackedExperts               the same for the linear layer of many experts
replace_quantized_layers    give MLX's quantized layers of a loaded model a quicker product for long inputs
quantize_model              pack the linear layers of a model one by one
is_linear, is_packed        whether a module is a linear layer of any kind; whether its weights are packed
linear_dims, linear_weight  inputs and outputs, and the dense matrix, of a linear layer of any kind
count_weights               the number of a model's weights, packed or not
"""

import importlib
from typing import TYPE_CHECKING, Any

from core.quant.modes import MODES, Mode

if TYPE_CHECKING:
    from core.quant.linear import (
        PackedExperts,
        PackedLinear,
        count_weights,
        is_linear,
        is_packed,
        linear_dims,
        linear_weight,
    )
    from core.quant.mlx_linear import replace_quantized_layers
    from core.quant.model import QuantizationSummary, quantize_model
    from core.quant.packed import Packed, dequantize, quantize

__all__ = [
    "MODES",
    "Mode",
    "Packed",
    "PackedExperts",
    "PackedLinear",
    "QuantizationSummary",
    "count_weights",
    "dequantize",
    "is_linear",
    "is_packed",
    "linear_dims",
    "linear_weight",
    "quantize",
    "quantize_model",
    "replace_quantized_layers",
]  # fmt: skip

_LINEAR = "PackedExperts PackedLinear is_linear is_packed linear_dims linear_weight count_weights"
_NAMES_BY_MODULE = {
    "packed": ("Packed", "quantize", "dequantize"),
    "linear": tuple(_LINEAR.split()),
    "mlx_linear": ("replace_quantized_layers",),
    "model": ("QuantizationSummary", "quantize_model"),
}


def __getattr__(name: str) -> Any:
    """Names that need MLX are imported at their first use, so that the table of modes can be read without MLX."""
    for module, names in _NAMES_BY_MODULE.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
