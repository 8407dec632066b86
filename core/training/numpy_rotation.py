"""Queries and keys of a block, normed by head and turned by their position, and the gradient of that, with NumPy.

Shapes as in core.training.numpy_block: N tokens, H query and K key heads of a size.
"""

import numpy as np

from core.adapters.numpy_weights import Block, NumpyWeights, head_factors
from core.model.numpy_arrays import Arena


def rotate(
    weights: NumpyWeights,
    block: Block,
    qkv: np.ndarray,
    cosine: np.ndarray,
    sine: np.ndarray,
    out: np.ndarray,
    scratch: Arena,
) -> None:
    """Write queries and keys to `out` [N, (H + K) size]: normed and rotated, queries scaled."""
    x = _pairs(weights, qkv)
    rotated = out.reshape(x.shape)
    if block.heads_norm is not None:
        x = np.multiply(x, head_factors(x, block.eps[1]), out=scratch.take(*x.shape))
        x *= block.heads_norm
    np.multiply(x[:, :, ::-1], sine, out=rotated)
    rotated += np.multiply(x, cosine, out=scratch.take(*x.shape))
    rotated[:, : weights.heads] *= np.float32(weights.scale)


def rotate_gradient(
    weights: NumpyWeights,
    block: Block,
    qkv: np.ndarray,
    grad: np.ndarray,
    cosine: np.ndarray,
    sine: np.ndarray,
    scratch: Arena,
) -> None:
    """Turn the gradient of queries and keys in `grad` [N, (H + 2 K) size] into that of `qkv`."""
    x, rotated_grad = _pairs(weights, qkv), _pairs(weights, grad)
    x_grad = np.multiply(rotated_grad, cosine, out=scratch.take(*x.shape))
    turned = np.multiply(rotated_grad, sine, out=scratch.take(*x.shape))
    x_grad += turned[:, :, ::-1]
    x_grad[:, : weights.heads] *= np.float32(weights.scale)
    if block.heads_norm is not None:
        factors = head_factors(x, block.eps[1])
        normed = np.multiply(x, factors, out=turned)
        x_grad *= block.heads_norm
        normed *= np.einsum("nhij,nhij->nh", x_grad, normed)[:, :, None, None] / np.float32(weights.size)
        x_grad -= normed
        x_grad *= factors
    rotated_grad[:] = x_grad


def _pairs(weights: NumpyWeights, qkv: np.ndarray) -> np.ndarray:
    """The queries and keys of `qkv` as the halves that are rotated with each other: [N, H + K, 2, size / 2]."""
    return qkv.reshape(len(qkv), -1, 2, weights.size // 2)[:, : weights.heads + weights.key_heads]
