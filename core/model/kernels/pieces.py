"""What a block computes between its products, as functions with a gradient: a kernel on a GPU, else MLX's operations.

N tokens, D hidden numbers, F inner numbers of the feed-forward part. The weights of norms are frozen: they get no
gradient.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx
from mlx_lm.models.activations import swiglu as mlx_swiglu

from core.model.kernels.check import unavailable_reason
from core.model.kernels.run import run

_LARGEST = 1 << 31  # numbers in an array that kernels count by 32 bit


class Heads(NamedTuple):
    """Attention's heads, and the RMSNorm of each query and key where the family has one."""

    query: int
    key: int
    size: int  # numbers in a head
    q_norm: mx.array | None = None  # [size]
    k_norm: mx.array | None = None
    eps: float = 0.0

    @property
    def norms(self) -> list[mx.array]:
        """The weights of both norms; none where the family has none."""
        return [norm for norm in (self.q_norm, self.k_norm) if norm is not None]

    def norm_tables(self, dtype: mx.Dtype) -> list[mx.array]:
        """The weights of both norms for a kernel: ones where there are none."""
        return self.norms or [mx.ones(self.size, dtype)] * 2


class Rotation(NamedTuple):
    """The rotary embedding of each position: float32 [T, size / 2] both, where token n is at place n modulo T."""

    cosine: mx.array
    sine: mx.array


def add_norm(x: mx.array, r: mx.array, weight: mx.array, eps: float) -> tuple[mx.array, mx.array]:
    """(x + r, its RMSNorm), [N, D] each."""
    if not _runs(x, weight) or x.shape[1] % 128:
        h = x + r
        return h, mx.fast.rms_norm(h, weight, eps)
    return kernel_add_norm(x, r, weight, eps)


def swiglu(gate_up: mx.array) -> mx.array:
    """silu(gate) up: [N, F] from [N, 2 F]."""
    if not _runs(gate_up) or gate_up.shape[1] % 8:
        gate, up = mx.split(gate_up, 2, axis=-1)
        y: mx.array = mlx_swiglu(gate, up)
        return y
    return kernel_swiglu(gate_up)


def rotate_heads(qkv: mx.array, heads: Heads, rotation: Rotation) -> Sequence[mx.array]:
    """(queries [N, H, size], keys [N, K, size], values), the first two normed and rotated, from [N, (H + 2 K) size]."""
    if not _runs(qkv, *heads.norms) or heads.size not in (64, 128, 256):
        return plain_rotate_heads(qkv, heads, rotation)
    return kernel_rotate_heads(qkv, heads, rotation)


def plain_rotate_heads(qkv: mx.array, heads: Heads, rotation: Rotation) -> Sequence[mx.array]:
    """rotate_heads() in MLX's operations."""
    ends = [heads.query * heads.size, (heads.query + heads.key) * heads.size]
    q, k, v = (part.reshape(len(qkv), -1, heads.size) for part in mx.split(qkv, ends, axis=1))
    return _rotate(_norm(q, heads.q_norm, heads.eps), rotation), _rotate(_norm(k, heads.k_norm, heads.eps), rotation), v


def _norm(x: mx.array, weight: mx.array | None, eps: float) -> mx.array:
    return x if weight is None else mx.fast.rms_norm(x, weight, eps)


def _rotate(x: mx.array, rotation: Rotation) -> mx.array:
    """x [N, heads, size] with each head's halves rotated into each other, computed in float32."""
    n, heads, size = x.shape
    low, high = mx.split(x.astype(mx.float32).reshape(-1, len(rotation.cosine), heads, size), 2, axis=-1)
    cosine, sine = rotation.cosine[:, None], rotation.sine[:, None]
    rotated = mx.concatenate([low * cosine - high * sine, high * cosine + low * sine], axis=-1)
    return rotated.reshape(n, heads, size).astype(x.dtype)


def _runs(x: mx.array, *weights: mx.array) -> bool:
    """Whether kernels take this array, and norms' weights."""
    return (
        mx.default_device() == mx.gpu
        and x.size < _LARGEST
        and all(weight.dtype == x.dtype for weight in weights)
        and not unavailable_reason()
    )


def kernel_add_norm(x: mx.array, r: mx.array, weight: mx.array, eps: float) -> tuple[mx.array, mx.array]:
    """add_norm() by kernels; D a multiple of 128."""
    lanes, rows = 32 * x.shape[0], (x.shape, x.dtype)

    @mx.custom_function
    def forward(x: mx.array, r: mx.array) -> Any:
        return run("add_norm", {"eps": eps}, [x, r, weight], lanes, [rows, rows, ((x.shape[0],), mx.float32)])

    @forward.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> Any:
        carry, grad, _ = cotangents
        (out,) = run("add_norm_back", {}, [grad, carry, outputs[0], weight, outputs[2]], lanes, [rows])
        return out, out

    hidden, out, _ = forward(x, r)
    return hidden, out


def kernel_swiglu(gate_up: mx.array) -> mx.array:
    """swiglu() by kernels; F a multiple of 4."""
    count, width = gate_up.shape[0], gate_up.shape[1] // 2
    threads = count * width // 4

    @mx.custom_function
    def forward(gate_up: mx.array) -> Any:
        return run("swiglu", {}, [gate_up], threads, [((count, width), gate_up.dtype)])[0]

    @forward.vjp
    def backward(gate_up: Any, grad: Any, output: Any) -> Any:
        return run("swiglu_back", {}, [grad, gate_up], threads, [(gate_up.shape, gate_up.dtype)])[0]

    y: mx.array = forward(gate_up)
    return y


def kernel_rotate_heads(qkv: mx.array, heads: Heads, rotation: Rotation) -> Sequence[mx.array]:
    """rotate_heads() by kernels; heads of 64, 128 or 256 numbers."""
    count, split = qkv.shape[0], (heads.query + heads.key) * heads.size
    tables = [*heads.norm_tables(qkv.dtype), rotation.cosine, rotation.sine]
    constants = {
        "q_heads": heads.query, "k_heads": heads.key, "qk_heads": heads.query + heads.key,
        "all_heads": heads.query + 2 * heads.key, "dim": heads.size, "half": heads.size // 2, "per": heads.size // 64,
        "eps": float(heads.eps), "normed": int(heads.q_norm is not None),
    }  # fmt: skip

    @mx.custom_function
    def forward(qkv: mx.array) -> Any:
        shapes = [((count, n, heads.size), qkv.dtype) for n in (heads.query, heads.key)]
        q, k = run("qk_rope", constants, [qkv, *tables], 32 * count * constants["qk_heads"], shapes)
        return q, k, qkv[:, split:].reshape(count, heads.key, heads.size)

    @forward.vjp
    def backward(qkv: Any, cotangents: Any, outputs: Any) -> Any:
        qkv = qkv[0] if isinstance(qkv, list | tuple) else qkv
        lanes = 32 * count * constants["all_heads"]
        return run("qk_rope_back", constants, [*cotangents, qkv, *tables], lanes, [(qkv.shape, qkv.dtype)])[0]

    outputs: Sequence[mx.array] = forward(qkv)
    return outputs
