"""Base weights in fewer bits: the codecs, packed matrices, and a linear layer that computes from packed weights.

MODES                       what there is, with facts and words about each; importing it loads no MLX
quantize, dequantize        a matrix to a Packed and back
PackedLinear                a linear layer over a Packed, with the gradient to its input
PackedExperts               the same for the linear layer of many experts
adopt_all                   give MLX's quantized layers of a loaded model a quicker product for long inputs
quantize_model              pack the linear layers of a model one by one
is_linear, is_packed        is this a linear layer, of whatever kind; are its weights packed
dims, dense, count          its inputs and outputs, its matrix, a model's weights; for every kind alike
"""

import importlib
from typing import TYPE_CHECKING, Any

from core.quant.modes import MODES, Mode

if TYPE_CHECKING:
    from core.quant.linear import (
        PackedExperts,
        PackedLinear,
        count_weights,
        dense_weight,
        is_linear,
        is_packed,
        linear_dims,
    )
    from core.quant.mlx_linear import replace_quantized_layers
    from core.quant.model import quantize_model
    from core.quant.packed import Packed, dequantize, quantize

__all__ = [
    "MODES",
    "Mode",
    "Packed",
    "PackedExperts",
    "PackedLinear",
    "count_weights",
    "dense_weight",
    "dequantize",
    "is_linear",
    "is_packed",
    "linear_dims",
    "quantize",
    "quantize_model",
    "replace_quantized_layers",
]

_HOMES = {
    "packed": ("Packed", "quantize", "dequantize"),
    "linear": (
        "PackedExperts",
        "PackedLinear",
        "is_linear",
        "is_packed",
        "linear_dims",
        "dense_weight",
        "count_weights",
    ),
    "mlx_linear": ("replace_quantized_layers",),
    "model": ("quantize_model",),
}


def __getattr__(name: str) -> Any:
    """What needs MLX is loaded when it is first asked for: the table of modes is read where MLX must not be."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
