"""Parts of the selftest that compare what is computed here with NumPy, or with MLX's own operations."""

from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models import qwen3

from core import adapters
from core.adapters.numpy_weights import NumpyWeights
from core.data.batch.batches import Batch
from core.model import fast_exp, tiled_attention
from core.model.kernels import check as block_kernels
from core.model.log_probs import to_mlx, token_logps
from core.quant import MODES, dequantize, kernels, quantize
from core.quant import packed as packed_weights
from core.run import Adapter
from core.selftest.check import Failure, Skip, compare
from core.training.numpy_gradient import NumpyGradient

SMALL_MODEL = {
    "model_type": "qwen3", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6, "vocab_size": 256,
    "rope_theta": 10000.0, "max_position_embeddings": 64, "tie_word_embeddings": True,
}  # fmt: skip
EXPECTED_SMALL_DIFFERENCE = 2e-2  # of products of float32 on a GPU, which may round their inputs to 19 bits (TF32)


def check_products() -> str:
    """A product, a sort and a softmax: on Metal these need MLX's library of kernels."""
    random = np.random.default_rng(0)
    a, b = (random.normal(size=(256, 256)).astype(np.float32) for _ in range(2))
    x, y = mx.array(a), mx.array(b)
    compare(x @ y, a @ b, EXPECTED_SMALL_DIFFERENCE * 16)
    compare(mx.sort(x, axis=-1), np.sort(a, axis=-1), 0)
    e = np.exp(a - a.max(-1, keepdims=True))
    compare(mx.softmax(x, axis=-1), e / e.sum(-1, keepdims=True), 1e-4)
    return "agree with NumPy"


def check_kernels() -> str:
    if mx.default_device().type == mx.cpu:
        raise Skip("they are for a GPU")
    reason = kernels.unavailable_reason() or block_kernels.unavailable_reason()
    if reason:
        raise Failure(f"Kernels of Hone's own are not used: {reason}.")
    return "agree with NumPy, and with MLX's own operations"


def check_packed() -> str:
    """In each format: a product from packed weights against one with the same weights unpacked."""
    random = np.random.default_rng(0)
    weight = mx.array(random.normal(size=(64, 128)).astype(np.float32))
    x = mx.array(random.normal(size=(2, 128)).astype(np.float32))
    for mode in MODES:
        packed = quantize(weight, mode)
        dense = np.array(dequantize(packed))
        product = packed_weights.multiply(x, packed)
        if product is not None:
            compare(product, np.array(x) @ dense.T, EXPECTED_SMALL_DIFFERENCE * 12)
        if np.abs(dense - np.array(weight)).mean() > 0.5:  # of 2 bits 0.4; nothing at all would be 0.8
            raise Failure(f"{mode}: unpacked weights are far from what was packed.")
    return ", ".join(MODES)


def check_exponentials() -> str:
    x = -10 * np.random.default_rng(0).random(1000, dtype=np.float32)
    compare(fast_exp.exp(mx.array(x)), np.exp(x), 1e-6)
    return "agree with NumPy"


def check_attention() -> str:
    """Attention in tiles against MLX's own, values and gradients."""
    random = np.random.default_rng(0)
    q, k, v = (mx.array(random.normal(size=(1, heads, 64, 16)).astype(np.float32)) for heads in (4, 2, 2))
    rows = np.zeros((1, 64), np.int32)
    tiles = tiled_attention.plan_tiles(rows, rows)
    mask = mx.tril(mx.ones((64, 64), mx.bool_))[None, None]

    def tiled(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return mx.square(tiled_attention.attend(q, k, v, 0.25, mask, tiles)).sum()

    def plain(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return mx.square(mx.fast.scaled_dot_product_attention(q, k, v, scale=0.25, mask=mask)).sum()

    for mine, theirs in zip(
        mx.grad(tiled, argnums=(0, 1, 2))(q, k, v), mx.grad(plain, argnums=(0, 1, 2))(q, k, v), strict=True
    ):
        compare(mine, np.array(theirs), EXPECTED_SMALL_DIFFERENCE)
    return "in tiles as in one piece"


def check_gradients() -> str:
    """The gradient of a small model's adapter as NumPy computes it, against MLX's."""
    if mx.default_device() != mx.cpu:
        raise Skip("A GPU computes them with MLX.")
    model = qwen3.Model(qwen3.ModelArgs.from_dict(SMALL_MODEL))
    adapters.attach(model, Adapter(rank=4))
    model.update(tree_map(lambda w: 0.1 * mx.random.normal(w.shape), model.trainable_parameters()))
    mx.eval(model.parameters())
    tokens = np.arange(2 * 41, dtype=np.int32).reshape(2, 41)
    batch = Batch(tokens, np.ones((2, 40), np.float32), (41, 41), (0, 1))

    def loss(tensors: Any) -> mx.array:
        model.update(tensors)
        return token_logps(model, to_mlx(batch)).sum()

    tensors = model.trainable_parameters()
    expected = dict(tree_flatten(mx.grad(loss)(tensors)))
    model.update(tensors)
    numpy = NumpyGradient(NumpyWeights(model, few_rows=False), checkpointing=False)
    with numpy.target_logps(batch) as (logps, backward):
        found = backward(np.ones_like(logps))
    for name, value in found.items():
        if name.endswith("lora_a"):  # that of B is with respect to B as it is scaled
            largest = np.abs(np.array(expected[name])).max()
            compare(mx.array(value / largest), np.array(expected[name]) / largest, 1e-4)
    return "with NumPy as with MLX"
