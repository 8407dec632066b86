"""LoRA: a trained low-rank adapter on each target layer; the model itself stays frozen.

y = Wx + (alpha / rank) B A x (Hu et al., arXiv:2106.09685); rsLoRA scales by alpha / sqrt(rank) instead
(arXiv:2312.03732). A starts uniform within ±1/sqrt(in) and B at zero, as in PEFT, so training starts from the
unchanged model. Tensors carry mlx-lm's names and orientation: lora_a [in, rank] = Aᵀ, lora_b [rank, out] = Bᵀ,
kept in float32 whatever the base computes in.
"""

import math
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.adapters.target_modules import is_embedding, is_experts
from core.quant import linear_dims

KIND = "lora"


class AdapterLayer(nn.Module):
    """A layer of the base model with an adapter. With `enabled` False it computes as the base layer alone."""

    def __init__(self, rank: int, scale: float, dropout: float) -> None:
        """`scale` multiplies the product of the two small matrices; `dropout` is the share of inputs left out."""
        super().__init__()
        self.rank = rank
        self.scale = scale
        self.dropout = nn.Dropout(p=dropout)
        self.enabled = True

    @property
    def base(self) -> nn.Module:
        """The frozen layer that has this adapter."""
        return self["embedding"] if "embedding" in self else self["linear"]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the trained tensors, by name."""
        return {name: tuple(self[name].shape) for name in ("lora_a", "lora_b", "m") if name in self}


@dataclass(frozen=True)
class MergedMatrix:
    """A layer's weight with its adapter, [in, out], in a box, so that it is no parameter of the layer."""

    matrix: mx.array


class LoRALinear(AdapterLayer):
    """A linear layer with a LoRA adapter: lora_a [in, rank], lora_b [rank, out].

    Where it has a `merged` matrix, it computes with that (core.adapters.merged_weights).
    """

    def __init__(self, linear: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__(rank, scale, dropout)
        inputs, outputs = linear_dims(linear)
        self.linear = linear
        self.lora_a = _init_uniform((inputs, rank), inputs)
        self.lora_b = mx.zeros((rank, outputs))
        self.merged: MergedMatrix | None = None

    def __call__(self, x: mx.array) -> mx.array:
        """[..., out] from x [..., in], in the dtype of the base layer."""
        if not self.enabled:
            return self.linear(x)
        if self.merged is not None:
            return x @ self.merged.matrix
        rows, (a, b) = _flatten_rows(x), self.factors(x.dtype)
        if self.training and self.dropout._p_1 == 1:
            y = linear_plus_adapter(self.linear, rows, a, b)
        else:  # with dropout, the gradients of the two branches belong to different inputs and are not summed in one
            y = mx.addmm(self.linear(rows), self.dropout(rows) @ a, b)
        return y.reshape(*x.shape[:-1], -1)

    def branch(self, x: mx.array) -> mx.array:
        """The output of the adapter alone, [..., out]."""
        a, b = self.factors(x.dtype)
        return (self.dropout(_flatten_rows(x)) @ a @ b).reshape(*x.shape[:-1], -1)

    def factors(self, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
        """The factors ([in, rank], [rank, out]) of the adapter's matrix, scaled, in the dtype the layer computes in."""
        # The float32 weights are cast on use: a float32 branch would make every layer keep a float32
        # copy of its input for the gradient. The small factor takes the scale, not the large product.
        b = self.lora_b if self.scale == 1 else self.scale * self.lora_b
        return self.lora_a.astype(dtype), b.astype(dtype)

    @property
    def delta(self) -> mx.array:
        """What the adapter adds to the weight matrix, [out, in] float32."""
        return self.scale * (self.lora_a @ self.lora_b).T


class LoRAExperts(AdapterLayer):
    """The linear layer of E experts, each with its own adapter: lora_a [E, rank, in], lora_b [E, out, rank]."""

    def __init__(self, linear: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__(rank, scale, dropout)
        count, inputs, outputs = linear.num_experts, linear.input_dims, linear.output_dims
        self.linear = linear
        self.lora_a = _init_uniform((count, rank, inputs), inputs)
        self.lora_b = mx.zeros((count, outputs, rank))

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> mx.array:
        y = self.linear(x, indices, sorted_indices=sorted_indices)
        if not self.enabled:
            return y
        z = self.dropout(x)
        for factor in (self.lora_a, self.lora_b):
            transposed = factor.astype(x.dtype).swapaxes(-1, -2)
            z = mx.gather_mm(z, transposed, rhs_indices=indices, sorted_indices=sorted_indices)
        return y + self.scale * z

    @property
    def delta(self) -> mx.array:
        """What the adapters add to the weights, [E, out, in] float32."""
        return self.scale * (self.lora_b @ self.lora_a)


class LoRAEmbedding(AdapterLayer):
    """An embedding with an adapter, also where it serves as the output layer: lora_a [V, rank], lora_b [rank, dims]."""

    def __init__(self, embedding: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__(rank, scale, dropout)
        count, width = embedding.weight.shape
        if isinstance(embedding, nn.QuantizedEmbedding):
            width = width * 32 // embedding.bits
        self.embedding = embedding
        self.lora_a = _init_uniform((count, rank), count)
        self.lora_b = mx.zeros((rank, width))

    def __call__(self, x: mx.array) -> mx.array:
        """[..., dims] from token ids x [...]."""
        y = self.embedding(x)
        if not self.enabled:
            return y
        z = self.dropout(self.lora_a[x] @ self.lora_b)
        return y + (self.scale * z).astype(y.dtype)

    def as_linear(self, x: mx.array) -> mx.array:
        """The embedding as the output layer: logits [..., V] from x [..., dims]."""
        y = self.embedding.as_linear(x)
        if not self.enabled:
            return y
        a, b = self.lora_a.astype(x.dtype), self.lora_b.astype(x.dtype)
        return y + self.scale * ((self.dropout(x) @ b.T) @ a.T)

    @property
    def weight(self) -> mx.array:
        """The weight of the base embedding, for models that read its shape or dtype."""
        return self.embedding.weight

    @property
    def delta(self) -> mx.array:
        """What the adapter adds to the weights, [V, dims] float32."""
        return self.scale * (self.lora_a @ self.lora_b)


def wrap_layer(layer: nn.Module, rank: int, scale: float, dropout: float) -> AdapterLayer:
    """The layer with a LoRA adapter of the class that fits it."""
    layer_class: Any = LoRALinear
    if is_experts(layer):
        layer_class = LoRAExperts
    elif is_embedding(layer):
        layer_class = LoRAEmbedding
    wrapped: AdapterLayer = layer_class(layer, rank, scale, dropout)
    return wrapped


def _flatten_rows(x: mx.array) -> mx.array:
    """[..., in] as [N, in]: else the gradient of A would be a product for each row of a batch, and their sum."""
    return x.reshape(-1, x.shape[-1])


def linear_plus_adapter(linear: nn.Module, x: mx.array, a: mx.array, b: mx.array) -> mx.array:
    """linear(x) + x a b: [N, out] from x [N, in], a [in, rank] and b [rank, out].

    The gradient is the one MLX would derive, in fewer operations: the second product of the backward pass adds the
    gradients of the two branches with respect to x as it is computed. The gradients of a and b are computed before that
    of x is used any further: what they need of this layer is not kept until the end of the backward pass.
    """

    @mx.custom_function
    def forward(x: mx.array, a: mx.array, b: mx.array) -> tuple[mx.array, mx.array]:
        narrow = x @ a
        return mx.addmm(linear(x), narrow, b), narrow

    @forward.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, mx.array, mx.array]:
        (x, a, b), grad, narrow = primals, cotangents[0], outputs[1]
        _, (linear_grad,) = mx.vjp(linear, [x], [grad])
        narrow_grad = grad @ b.T
        a_grad, b_grad = x.T @ narrow_grad, narrow.T @ grad
        (x_grad,) = mx.depends([mx.addmm(linear_grad, narrow_grad, a.T)], [a_grad, b_grad])
        return x_grad, a_grad, b_grad

    y: mx.array = forward(x, a, b)[0]
    return y


def _init_uniform(shape: tuple[int, ...], inputs: int) -> mx.array:
    limit = 1 / math.sqrt(inputs)
    return mx.random.uniform(-limit, limit, shape)
