"""A training step of Qwen3's shape over stacked adapters, whose pieces can be chosen, to measure what each saves.

The frozen weights of q, k and v lie in one matrix, those of gate and up in another. The adapters are [layers, ...]
float32 tensors; their B matrices become one block-diagonal matrix for each product. This is a way to measure, not the
way the product keeps its parameters.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as opt

from core.model.kernels.pieces import kernel_add_norm, kernel_swiglu
from core.model.lm_head import LMHead
from tests.benchmarks.variants import plain
from tests.benchmarks.variants.choices import Pieces

RANK, SCALE = 16, 2.0
GROUPS = ("qkv", "o", "gate_up", "down")


class Shape(NamedTuple):
    width: int
    layers: int
    inner: int
    heads: plain.Heads
    vocabulary: int

    def sizes(self, group: str) -> tuple[int, tuple[int, ...]]:
        """(inputs, the outputs of each matrix) of a group."""
        q, k = self.heads.query * self.heads.dim, self.heads.key * self.heads.dim
        d, f = self.width, self.inner
        return {"qkv": (d, (q, k, k)), "o": (q, (d,)), "gate_up": (d, (f, f)), "down": (f, (d,))}[group]


def make_shape(config: dict[str, Any], length: int) -> Shape:
    heads = plain.make_heads(
        config["num_attention_heads"],
        config["num_key_value_heads"],
        config["head_dim"],
        config["rms_norm_eps"],
        config["rope_theta"],
        length,
    )
    layers, inner = config["num_hidden_layers"], config["intermediate_size"]
    return Shape(config["hidden_size"], layers, inner, heads, config["vocab_size"])


def make_weights(shape: Shape, dtype: mx.Dtype) -> dict[str, Any]:
    """Random frozen weights: {"embedding", "norm", "blocks": one dict for each block}."""
    mx.random.seed(1)

    def normal(*size: int) -> mx.array:
        w = (0.02 * mx.random.normal(size)).astype(dtype)
        mx.eval(w)
        return w

    def ones(count: int) -> mx.array:
        return (1 + 0.1 * mx.random.normal((count,))).astype(dtype)

    blocks = []
    for _ in range(shape.layers):
        block = {g: normal(sum(shape.sizes(g)[1]), shape.sizes(g)[0]) for g in GROUPS}
        block |= {"norm1": ones(shape.width), "norm2": ones(shape.width)}
        block |= {"q_norm": ones(shape.heads.dim), "k_norm": ones(shape.heads.dim)}
        blocks.append(block)
    weights = {"embedding": normal(shape.vocabulary, shape.width), "norm": ones(shape.width), "blocks": blocks}
    mx.eval(weights)
    return weights


def make_adapters(shape: Shape) -> dict[str, mx.array]:
    """{group + "_a": [L, in, rank x matrices], group + "_b" + n: [L, rank, out]} float32."""
    adapters = {}
    for g in GROUPS:
        inputs, outputs = shape.sizes(g)
        limit = inputs**-0.5
        adapters[f"{g}_a"] = mx.random.uniform(-limit, limit, (shape.layers, inputs, RANK * len(outputs)))
        for n, size in enumerate(outputs):
            adapters[f"{g}_b{n}"] = 0.01 * mx.random.normal((shape.layers, RANK, size))
    mx.eval(adapters)
    return adapters


def factors(shape: Shape, adapters: dict[str, mx.array], dtype: mx.Dtype) -> list[dict[str, mx.array]]:
    """For each block {group + "_a": [in, R], group + "_b": [R, out]}, B scaled and block-diagonal."""
    stacked = {}
    for g in GROUPS:
        outputs = shape.sizes(g)[1]
        stacked[f"{g}_a"] = adapters[f"{g}_a"].astype(dtype)
        rows, start = [], 0
        for n, size in enumerate(outputs):
            b = (SCALE * adapters[f"{g}_b{n}"]).astype(dtype)
            rows.append(mx.pad(b, ((0, 0), (0, 0), (start, sum(outputs) - start - size))))
            start += size
        stacked[f"{g}_b"] = mx.concatenate(rows, axis=1) if len(rows) > 1 else rows[0]
    return [{name: value[i] for name, value in stacked.items()} for i in range(shape.layers)]


def adapter_gradient(shape: Shape, gradients: list[dict[str, mx.array]]) -> dict[str, mx.array]:
    """The reverse of factors() for gradients."""
    result = {}
    for g in GROUPS:
        result[f"{g}_a"] = mx.stack([block[f"{g}_a"] for block in gradients]).astype(mx.float32)
        b, start = mx.stack([block[f"{g}_b"] for block in gradients]), 0
        for n, size in enumerate(shape.sizes(g)[1]):
            part = b[:, RANK * n : RANK * (n + 1), start : start + size]
            result[f"{g}_b{n}"] = SCALE * part.astype(mx.float32)
            start += size
    return result


def lora_linear(x: mx.array, w: mx.array, a: mx.array, b: mx.array, pieces: Pieces) -> mx.array:
    """x wᵀ + x a b, whose gradient is five products."""
    if not pieces.lora:
        return x @ w.T

    def product(p: mx.array, q: mx.array) -> mx.array:
        """pᵀ q for p [N, m] and q [N, n], the rows in parts."""
        if pieces.split == 1:
            return p.T @ q
        parts = [z.reshape(pieces.split, -1, z.shape[1]) for z in (p, q)]
        return (parts[0].swapaxes(1, 2) @ parts[1]).sum(axis=0)

    @mx.custom_function
    def forward(x: mx.array, a: mx.array, b: mx.array) -> Any:
        narrow = x @ a
        return mx.addmm(x @ w.T, narrow, b), narrow

    @forward.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> Any:
        (x, a, b), grad, narrow = primals, cotangents[0], outputs[1]
        narrow_grad = grad @ b.T
        a_grad = product(narrow_grad, x).T if pieces.transposed else product(x, narrow_grad)
        return mx.addmm(grad @ w, narrow_grad, a.T), a_grad, product(narrow, grad)

    y: mx.array = forward(x, a, b)[0]
    return y


def block_forward(
    shape: Shape, w: dict[str, mx.array], f: dict[str, mx.array], h: mx.array, r: mx.array | None, pieces: Pieces
) -> tuple[mx.array, mx.array]:
    """(the residual stream, what the block's feed-forward part adds to it), from the same of the block before."""
    heads = shape.heads
    add_norm = kernel_add_norm if pieces.add_norm else plain.add_norm
    swiglu: Callable[[mx.array], mx.array] = kernel_swiglu if pieces.swiglu else plain.swiglu
    qkv = plain.kernel_qkv if pieces.qk_rope else plain.plain_qkv

    def linear(x: mx.array, group: str) -> mx.array:
        return lora_linear(x, w[group], f[f"{group}_a"], f[f"{group}_b"], pieces)

    if r is None:
        y = mx.fast.rms_norm(h, w["norm1"], heads.eps)
    else:
        h, y = add_norm(h, r, w["norm1"], heads.eps)
    parts = qkv(linear(y, "qkv"), w["q_norm"], w["k_norm"], heads)
    length = heads.cosine.shape[0]
    q, k, v = (p.reshape(-1, length, p.shape[1], heads.dim).swapaxes(1, 2) for p in parts)
    o = mx.fast.scaled_dot_product_attention(q, k, v, scale=heads.dim**-0.5, mask="causal")
    h, y = add_norm(h, linear(o.swapaxes(1, 2).reshape(h.shape[0], -1), "o"), w["norm2"], heads.eps)
    gate_up = linear(y, "gate_up")
    return h, linear(mx.checkpoint(swiglu)(gate_up) if pieces.recompute_swiglu else swiglu(gate_up), "down")


class VariantStep:
    """The compiled step of a model with random weights: forward, backward, clipping, AdamW."""

    def __init__(self, shape: Shape, weights: dict[str, Any], dtype: mx.Dtype, pieces: Pieces) -> None:
        self.shape, self.weights, self.dtype, self.pieces = shape, weights, dtype, pieces
        self.adapters = make_adapters(shape)
        self.optimizer = opt.AdamW(1e-5, bias_correction=True)
        self.optimizer.init(self.adapters)
        layer = nn.Embedding(8, 8)
        layer.freeze()
        embedding = weights["embedding"]
        self.head = LMHead(None, lambda h: h @ embedding.T, layer, shape.vocabulary)
        state = [self.optimizer.state]
        self.compiled = mx.compile(self._step, inputs=state, outputs=state)

    def loss(self, blocks: list[dict[str, mx.array]], tokens: mx.array) -> mx.array:
        h, r = self.weights["embedding"][tokens[:, :-1].reshape(-1)], None
        if not self.pieces.lora:  # the gradient goes through all blocks all the same
            h = h + 0 * blocks[0]["o_a"].sum()
        for w, f in zip(self.weights["blocks"], blocks, strict=True):

            def compute(f: Any, h: mx.array, *r: mx.array, w: Any = w) -> Any:
                return block_forward(self.shape, w, f, h, r[0] if r else None, self.pieces)

            given = (f, h) if r is None else (f, h, r)
            h, r = (mx.checkpoint(compute) if self.pieces.checkpointing else compute)(*given)
        y = mx.fast.rms_norm(h + r, self.weights["norm"], self.shape.heads.eps)
        return -self.head.target_logps(y, tokens[:, 1:].reshape(-1)).mean()

    def gradient(self, adapters: Any, tokens: mx.array) -> tuple[mx.array, Any]:
        loss, gradients = mx.value_and_grad(self.loss)(factors(self.shape, adapters, self.dtype), tokens)
        return loss, adapter_gradient(self.shape, gradients)

    def _step(self, adapters: Any, tokens: mx.array) -> Any:
        loss, gradient = self.gradient(adapters, tokens)
        norm = mx.sqrt(sum(mx.square(g).sum() for g in gradient.values()))
        factor = mx.minimum(1.0, 1.0 / (norm + 1e-6))
        return loss, self.optimizer.apply_gradients({k: g * factor for k, g in gradient.items()}, adapters)

    def __call__(self, tokens: mx.array) -> list[Any]:
        loss, self.adapters = self.compiled(self.adapters, tokens)
        return [loss, self.adapters, self.optimizer.state]
