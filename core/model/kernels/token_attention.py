"""The attention of one token of each row: a kernel on NVIDIA's GPUs, else MLX's operations."""

from typing import NamedTuple

import mlx.core as mx

from core.device.gpu_kernel import THREADS_PER_GROUP
from core.model.kernels.check import TOKEN_PARTS, unavailable_reason
from core.model.kernels.pieces import Heads, Rotation, plain_rotate_heads
from core.model.kernels.run import run

_WARPS = 1024  # that fill a large GPU, about


class Past(NamedTuple):
    """The keys and values before a token, of which R recent ones lie apart: so a token changes small arrays only."""

    keys: mx.array  # [N, K, T, D], of which the first place[0] are there
    values: mx.array
    recent_keys: mx.array  # [N, K, R, D], of which the first place[1] are there
    recent_values: mx.array
    start: mx.array  # [N] where each row begins, among the old ones
    place: mx.array  # [2]


def attend_token(qkv: mx.array, heads: Heads, rotation: Rotation, past: Past, scale: float) -> tuple[mx.array, Past]:
    """(what one token of each row finds [N, H size], the past with it) from [N, (H + 2 K) size]: its queries, keys and
    values, of which the first two are normed and rotated here. Of the recent keys and values only those up to the
    token's are there afterwards."""
    if not takes(qkv, heads, past) or unavailable_reason(TOKEN_PARTS):
        return plain_attend_token(qkv, heads, rotation, past, scale)
    return kernel_attend_token(qkv, heads, rotation, past, scale)


def takes_keys(keys: mx.array) -> bool:
    """Whether the kernel can look in such keys [N, K, T, D]."""
    return keys.dtype in (mx.bfloat16, mx.float16) and keys.shape[-1] in (64, 128, 256)


def takes(qkv: mx.array, heads: Heads, past: Past) -> bool:
    """Whether the kernel can compute this; unavailable_reason() says whether it is there at all."""
    arrays = qkv, past.values, past.recent_keys, past.recent_values, *heads.norms
    return (
        mx.default_device() == mx.gpu
        and takes_keys(past.keys)
        and all(array.dtype == past.keys.dtype for array in arrays)
        and heads.query // heads.key <= 8
        and qkv.size < 1 << 31
    )


def plain_attend_token(
    qkv: mx.array, heads: Heads, rotation: Rotation, past: Past, scale: float
) -> tuple[mx.array, Past]:
    """attend_token() in MLX's operations."""
    q, k, v = plain_rotate_heads(qkv, heads, rotation)
    length, (old, count) = past.keys.shape[2], past.place
    is_own = (mx.arange(past.recent_keys.shape[2]) == count)[:, None]
    recent_keys = mx.where(is_own, k[:, :, None], past.recent_keys)
    recent_values = mx.where(is_own, v[:, :, None], past.recent_values)
    keys = mx.concatenate([past.keys, recent_keys], axis=2)
    values = mx.concatenate([past.values, recent_values], axis=2)
    places = mx.arange(keys.shape[2])
    is_past = (places >= past.start[:, None]) & (places < old)
    mask = (is_past | ((places >= length) & (places <= length + count)))[:, None, None]
    y = mx.fast.scaled_dot_product_attention(q[:, :, None], keys, values, scale=scale, mask=mask)
    return y.reshape(len(qkv), -1), past._replace(recent_keys=recent_keys, recent_values=recent_values)


def kernel_attend_token(
    qkv: mx.array, heads: Heads, rotation: Rotation, past: Past, scale: float
) -> tuple[mx.array, Past]:
    """attend_token() by the kernel, where takes() says that it can."""
    units, queries = len(qkv) * heads.key, heads.query // heads.key
    warps = next((warps for warps in (8, 4, 2) if units * warps <= _WARPS), 1)
    constants = {
        "q_heads": heads.query, "k_heads": heads.key, "queries": queries, "dim": heads.size, "half": heads.size // 2,
        "wide": heads.size // 32, "eps": float(heads.eps), "normed": int(heads.q_norm is not None),
        "scale": float(scale), "recent": past.recent_keys.shape[2], "warps": warps,
        "tiles": 1 if heads.size > 128 else 2,
    }  # fmt: skip
    arrays = [qkv, past.keys, past.values, past.recent_keys, past.recent_values, *heads.norm_tables(qkv.dtype)]
    integers = [array.astype(mx.int32) for array in (past.start, past.place)]
    shapes = [((len(qkv), heads.query * heads.size), qkv.dtype)]
    shapes += [(array.shape, qkv.dtype) for array in (past.recent_keys, past.recent_values)]
    threads = THREADS_PER_GROUP * -(-units * warps // 8)
    inputs = [*arrays, rotation.cosine, rotation.sine, *integers]
    y, keys, values = run("attend_token", constants, inputs, threads, shapes, shared=32 * queries * heads.size)
    return y, past._replace(recent_keys=keys, recent_values=values)
