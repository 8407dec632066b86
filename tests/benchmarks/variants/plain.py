"""What the candidate kernels compute, in MLX's own operations, and each as a function with a gradient."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx
from mlx_lm.models.activations import swiglu as mlx_swiglu

from core.model.kernels import run as kernels


class Heads(NamedTuple):
    """The shape of attention: query and key heads, numbers in a head, and the rotation of each position."""

    query: int
    key: int
    dim: int
    eps: float
    base: float
    cosine: mx.array  # [T, D / 2] float32
    sine: mx.array

    @property
    def values(self) -> dict[str, Any]:
        return {
            "q_heads": self.query, "k_heads": self.key, "qk_heads": self.query + self.key,
            "all_heads": self.query + 2 * self.key, "dim": self.dim, "half": self.dim // 2, "per": self.dim // 64,
            "eps": self.eps, "normed": 1,
        }  # fmt: skip


def make_heads(query: int, key: int, dim: int, eps: float, base: float, length: int) -> Heads:
    """Heads whose rotations are those of mx.fast.rope."""
    frequencies = mx.exp(mx.arange(dim // 2) * (-mx.log(mx.array(base)) / (dim // 2)))
    angles = mx.arange(length)[:, None] * frequencies
    return Heads(query, key, dim, eps, base, mx.cos(angles), mx.sin(angles))


def add_norm(x: mx.array, r: mx.array, weight: mx.array, eps: float) -> tuple[mx.array, mx.array]:
    """(x + r, its RMSNorm), [N, D] each."""
    h = x + r
    return h, mx.fast.rms_norm(h, weight, eps)


def swiglu(gate_up: mx.array) -> mx.array:
    """silu(gate) up: [N, F] from [N, 2 F]."""
    gate, up = mx.split(gate_up, 2, axis=-1)
    return mlx_swiglu(gate, up)


def qk_rope(qkv: mx.array, q_weight: mx.array, k_weight: mx.array, heads: Heads) -> tuple[mx.array, mx.array]:
    """(queries [N, H, D], keys [N, K, D]), normed and rotated, from [N, (H + 2 K) D]."""
    length, q_size, k_size = heads.cosine.shape[0], heads.query * heads.dim, heads.key * heads.dim

    def one(x: mx.array, count: int, weight: mx.array) -> mx.array:
        x = mx.fast.rms_norm(x.reshape(-1, length, count, heads.dim), weight, heads.eps).swapaxes(1, 2)
        x = mx.fast.rope(x, heads.dim, traditional=False, base=heads.base, scale=1.0, offset=0)
        return x.swapaxes(1, 2).reshape(-1, count, heads.dim)

    keys = qkv[:, q_size : q_size + k_size]
    return one(qkv[:, :q_size], heads.query, q_weight), one(keys, heads.key, k_weight)


def kernel_qkv(qkv: mx.array, q_weight: mx.array, k_weight: mx.array, heads: Heads) -> Sequence[mx.array]:
    """(queries, keys, values), [N, heads, D] each, as qk_rope and a slice; the weights get no gradient."""
    count, split = qkv.shape[0], (heads.query + heads.key) * heads.dim
    tables = [q_weight, k_weight, heads.cosine, heads.sine]

    @mx.custom_function
    def forward(qkv: mx.array) -> Any:
        shapes = [((count, n, heads.dim), qkv.dtype) for n in (heads.query, heads.key)]
        lanes = 32 * count * (heads.query + heads.key)
        q, k = kernels.run("qk_rope", heads.values, [qkv, *tables], lanes, shapes)
        return q, k, qkv[:, split:].reshape(count, heads.key, heads.dim)

    @forward.vjp
    def backward(qkv: Any, cotangents: Any, outputs: Any) -> Any:
        lanes = 32 * count * (heads.query + 2 * heads.key)
        qkv = qkv[0] if isinstance(qkv, list | tuple) else qkv
        inputs = [*cotangents, qkv, *tables]
        return kernels.run("qk_rope_back", heads.values, inputs, lanes, [(qkv.shape, qkv.dtype)])[0]

    outputs: Sequence[mx.array] = forward(qkv)
    return outputs


def plain_qkv(qkv: mx.array, q_weight: mx.array, k_weight: mx.array, heads: Heads) -> Sequence[mx.array]:
    """The same as kernel_qkv."""
    split = (heads.query + heads.key) * heads.dim
    q, k = qk_rope(qkv, q_weight, k_weight, heads)
    return q, k, qkv[:, split:].reshape(-1, heads.key, heads.dim)
