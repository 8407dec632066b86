"""SwiGLU on a processor: silu(gate) up with the quick exponential, and a gradient of its own.

On x86, MLX's sigmoid takes as long a number as its exp (core.model.fast_exp): a twelfth of a training step of a small
model, and of a token that is written.
"""

import math
import sys
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import transformers  # noqa: F401  # before mlx-lm asks for its names: see core.data.tokenize.tokenizer
from mlx_lm.models import activations

from core.model.fast_exp import EXP_IS_SLOW

_mlx_lm_swiglu = activations.swiglu


def install_fast_swiglu(model: nn.Module) -> None:
    """Let the layers of a model, whose modules use mlx-lm's swiglu, use this one; on a processor it is quicker."""
    for module in {type(m).__module__ for m in model.modules()}:
        names = vars(sys.modules[module])
        if names.get("swiglu") is _mlx_lm_swiglu:
            names["swiglu"] = swiglu


def swiglu(gate: mx.array, up: mx.array) -> mx.array:
    """silu(gate) up, as mlx-lm computes it; quicker for float32 on an x86 processor."""
    if not EXP_IS_SLOW or mx.default_device() != mx.cpu or gate.dtype != mx.float32 or up.dtype != mx.float32:
        y: mx.array = _mlx_lm_swiglu(gate, up)
        return y
    return _swiglu(gate, up)[0]


@mx.custom_function
def _swiglu(gate: mx.array, up: mx.array) -> tuple[mx.array, mx.array]:
    """(silu(gate) up, sigmoid(gate))."""
    sigmoid = 1 / (1 + mx.power(math.e, -gate))
    return gate * sigmoid * up, sigmoid


@_swiglu.vjp
def _gradient(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, mx.array]:
    (gate, up), y_gradient, sigmoid = primals, cotangents[0], outputs[1]
    silu = gate * sigmoid
    slope = sigmoid + silu * (1 - sigmoid)
    return y_gradient * up * slope, y_gradient * silu
