"""What a program needs to know of one of mlx-lm's transformer blocks, read from the loaded module."""

from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core.adapters.lora import LoRALinear
from core.quant import linear_dims, linear_weight

LINEARS = {
    "q": ("self_attn", "q_proj"),
    "k": ("self_attn", "k_proj"),
    "v": ("self_attn", "v_proj"),
    "o": ("self_attn", "o_proj"),
    "gate": ("mlp", "gate_proj"),
    "up": ("mlp", "up_proj"),
    "down": ("mlp", "down_proj"),
}
RANK_MULTIPLE = 32  # of the rank that a program takes; the rows and columns beyond an adapter's own rank are zero


@dataclass(frozen=True)
class BlockShape:
    """The sizes of a block, and the rank of each of its adapters."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    ranks: dict[str, int]  # by the name in LINEARS, as the program takes them; a linear without an adapter is absent


def block_linear(block: nn.Module, name: str) -> nn.Module:
    """The linear layer of a name in LINEARS, with its adapter where it has one."""
    part, attribute = LINEARS[name]
    module: nn.Module = block[part][attribute]
    return module


def base_linear(block: nn.Module, name: str) -> nn.Module:
    """The frozen linear layer of a name in LINEARS."""
    layer = block_linear(block, name)
    return layer.base if isinstance(layer, LoRALinear) else layer


def padded_rank(rank: int) -> int:
    """The rank that a program takes for an adapter's rank."""
    return -(-rank // RANK_MULTIPLE) * RANK_MULTIPLE


def block_shape(block: nn.Module) -> BlockShape:
    """The sizes of a block."""
    attention = block.self_attn
    hidden, q_out = linear_dims(base_linear(block, "q"))
    layers = {name: block_linear(block, name) for name in LINEARS}
    return BlockShape(
        hidden=hidden,
        heads=attention.n_heads,
        kv_heads=attention.n_kv_heads,
        head_dim=q_out // attention.n_heads,
        intermediate=linear_dims(base_linear(block, "gate"))[1],
        ranks={name: padded_rank(layer.rank) for name, layer in layers.items() if isinstance(layer, LoRALinear)},
    )


def weight(linear: nn.Module) -> np.ndarray[Any, Any]:
    """The matrix [out, in] of a linear layer of any kind, in float32; a packed one is unpacked."""
    return np.array(linear_weight(linear, mx.float32))


def bias(linear: nn.Module) -> np.ndarray[Any, Any] | None:
    """The bias [out] of a linear layer in float32, or None."""
    return np.array(linear.bias.astype(mx.float32)) if "bias" in linear else None


def rope_tables(block: nn.Module, length: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(cos, sin), each [head_dim / 2, length] in float32: what the block's own rotation multiplies the halves by.

    Read off the rotation itself, which is linear: (1, 0) becomes (cos, sin). So every kind of frequencies is right.
    """
    half = block_shape(block).head_dim // 2
    unit = mx.concatenate([mx.ones((1, 1, length, half)), mx.zeros((1, 1, length, half))], axis=-1)
    turned = np.array(block.self_attn.rope(unit))[0, 0]
    return turned[:, :half].T.copy(), turned[:, half:].T.copy()


def norm_weight(norm: nn.Module) -> np.ndarray[Any, Any]:
    """The weight [channels] of an RMSNorm in float32."""
    return np.array(norm.weight.astype(mx.float32))
