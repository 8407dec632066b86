"""What goes into a program and what comes out of it: MLX's arrays in its layout, and back."""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core.adapters.lora import LoRALinear
from core.ane.block import LINEARS, block_linear, padded_rank
from core.ane.program import INPUT, ChunkSpec, factor_name

Array = np.ndarray[Any, Any]
Factors = dict[str, mx.array]  # lora_a [in, rank] and lora_b [rank, out] by the program's names


def feed(blocks: Sequence[nn.Module], spec: ChunkSpec, x: mx.array) -> dict[str, Array]:
    """The inputs of a program for one text x [1, n, hidden], n at most the program's length."""
    return {INPUT: to_program(x, spec)} | factor_inputs(blocks, spec, factors(blocks))


def factors(blocks: Sequence[nn.Module]) -> Factors:
    """The trained arrays of the blocks' adapters, by the program's names."""
    found: Factors = {}
    for index, name, layer in lora_layers(blocks):
        found[factor_name(index, name, "a")] = layer.lora_a
        found[factor_name(index, name, "b")] = layer.lora_b
    return found


def lora_layers(blocks: Sequence[nn.Module]) -> list[tuple[int, str, LoRALinear]]:
    """(index of the block, the linear's name, its layer) of every linear with an adapter."""
    layers = [(i, name, block_linear(block, name)) for i, block in enumerate(blocks) for name in LINEARS]
    return [(i, name, layer) for i, name, layer in layers if isinstance(layer, LoRALinear)]


def factor_inputs(blocks: Sequence[nn.Module], spec: ChunkSpec, values: Factors) -> dict[str, Array]:
    """A [1, rank, 1, in] and B [1, out, 1, rank] of every adapter, the rank padded with zeros.

    B takes the adapter's scale, in float32. An adapter that is switched off is one whose B is zero.
    """
    inputs: dict[str, Array] = {}
    for index, name, layer in lora_layers(blocks):
        a_name, b_name = factor_name(index, name, "a"), factor_name(index, name, "b")
        pad = padded_rank(layer.rank) - layer.rank
        scale = layer.scale if layer.enabled else 0.0
        a = mx.pad(values[a_name].astype(mx.float32), [(0, 0), (0, pad)])
        b = mx.pad(scale * values[b_name].astype(mx.float32), [(0, pad), (0, 0)])
        inputs[a_name] = np.array(a.T)[None, :, None].astype(spec.dtype)
        inputs[b_name] = np.array(b.T)[None, :, None].astype(spec.dtype)
    return inputs


def to_program(x: mx.array, spec: ChunkSpec) -> Array:
    """x [1, n, hidden] as a program takes it: [1, hidden, 1, length], zeros after its end."""
    wide = mx.float16 if spec.dtype is np.float16 else mx.float32
    padded = mx.pad(x.astype(wide), [(0, 0), (0, spec.length - x.shape[1]), (0, 0)])
    return np.array(mx.contiguous(padded.swapaxes(1, 2)[:, :, None]))


def from_program(y: Array, n: int, dtype: mx.Dtype) -> mx.array:
    """The first n tokens of what a program gives, [1, n, channels]."""
    return mx.array(np.ascontiguousarray(y[:, :, 0, :n].swapaxes(1, 2))).astype(dtype)
