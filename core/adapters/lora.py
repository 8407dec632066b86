"""LoRA: a low-rank add-on beside each chosen layer; the model itself stays as it is.

y = Wx + (alpha / rank) B A x (Hu et al., arXiv:2106.09685); rsLoRA scales by alpha / sqrt(rank) instead
(arXiv:2312.03732). A starts uniform within ±1/sqrt(in) and B at zero, as in PEFT, so training starts from the
unchanged model. Tensors carry mlx-lm's names and orientation: lora_a [in, rank] = Aᵀ, lora_b [rank, out] = Bᵀ,
kept in float32 whatever the base computes in.
"""

import math
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.adapters.target_modules import is_embedding, is_experts
from core.quant import dims

KIND = "lora"


class AdapterLayer(nn.Module):
    """What sits beside a layer. With `enabled` False it is the layer alone."""

    def __init__(self, rank: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.rank = rank
        self.scale = scale
        self.dropout = nn.Dropout(p=dropout)
        self.enabled = True

    @property
    def base(self) -> nn.Module:
        """The layer beside which it sits."""
        return self["embedding"] if "embedding" in self else self["linear"]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Its trained tensors' shapes, by name."""
        return {name: tuple(self[name].shape) for name in ("lora_a", "lora_b", "m") if name in self}


class LoRALinear(AdapterLayer):
    """A linear layer with its add-on."""

    def __init__(self, linear: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__(rank, scale, dropout)
        inputs, outputs = dims(linear)
        self.linear = linear
        self.lora_a = _uniform((inputs, rank), inputs)
        self.lora_b = mx.zeros((rank, outputs))

    def __call__(self, x: mx.array) -> mx.array:
        if not self.enabled:
            return self.linear(x)
        rows, (a, b) = _rows(x), self._factors(x.dtype)
        if self.training and self.dropout._p_1 == 1:
            y = _together(self.linear, rows, a, b)
        else:  # with dropout the two ways back do not meet at x
            y = mx.addmm(self.linear(rows), self.dropout(rows) @ a, b)
        return y.reshape(*x.shape[:-1], -1)

    def branch(self, x: mx.array) -> mx.array:
        """What the add-on gives, [..., out]."""
        a, b = self._factors(x.dtype)
        return (self.dropout(_rows(x)) @ a @ b).reshape(*x.shape[:-1], -1)

    def _factors(self, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
        """([in, rank], [rank, out]) in what the layer computes in, whose product is what the add-on multiplies by."""
        # The float32 weights are cast on use: a float32 branch would make every layer keep a float32
        # copy of its input for the gradient. The small factor takes the scale, not the large product.
        b = self.lora_b if self.scale == 1 else self.scale * self.lora_b
        return self.lora_a.astype(dtype), b.astype(dtype)

    @property
    def delta(self) -> mx.array:
        """What it adds to the weight matrix, [out, in] float32."""
        return self.scale * (self.lora_a @ self.lora_b).T


class LoRAExperts(AdapterLayer):
    """The linear layer of many experts, each with an add-on of its own: lora_a [E, rank, in], lora_b [E, out, rank]."""

    def __init__(self, linear: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__(rank, scale, dropout)
        count, inputs, outputs = linear.num_experts, linear.input_dims, linear.output_dims
        self.linear = linear
        self.lora_a = _uniform((count, rank, inputs), inputs)
        self.lora_b = mx.zeros((count, outputs, rank))

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> mx.array:
        y = self.linear(x, indices, sorted_indices=sorted_indices)
        if not self.enabled:
            return y
        z = self.dropout(x)
        for w in (self.lora_a, self.lora_b):
            right = w.astype(x.dtype).swapaxes(-1, -2)
            z = mx.gather_mm(z, right, rhs_indices=indices, sorted_indices=sorted_indices)
        return y + self.scale * z

    @property
    def delta(self) -> mx.array:
        """What it adds to the weights, [E, out, in] float32."""
        return self.scale * (self.lora_b @ self.lora_a)


class LoRAEmbedding(AdapterLayer):
    """An embedding with an add-on, also where it serves as the output layer: lora_a [V, rank], lora_b [rank, dims]."""

    def __init__(self, embedding: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__(rank, scale, dropout)
        count, width = embedding.weight.shape
        if isinstance(embedding, nn.QuantizedEmbedding):
            width = width * 32 // embedding.bits
        self.embedding = embedding
        self.lora_a = _uniform((count, rank), count)
        self.lora_b = mx.zeros((rank, width))

    def __call__(self, x: mx.array) -> mx.array:
        y = self.embedding(x)
        if not self.enabled:
            return y
        z = self.dropout(self.lora_a[x] @ self.lora_b)
        return y + (self.scale * z).astype(y.dtype)

    def as_linear(self, x: mx.array) -> mx.array:
        """The embedding as the output layer."""
        y = self.embedding.as_linear(x)
        if not self.enabled:
            return y
        a, b = self.lora_a.astype(x.dtype), self.lora_b.astype(x.dtype)
        return y + self.scale * ((self.dropout(x) @ b.T) @ a.T)

    @property
    def weight(self) -> mx.array:
        """The embedding's own, for models that ask it for shape or type."""
        return self.embedding.weight

    @property
    def delta(self) -> mx.array:
        """What it adds to the weights, [V, dims] float32."""
        return self.scale * (self.lora_a @ self.lora_b)


def _rows(x: mx.array) -> mx.array:
    """[..., in] as [N, in]: else the gradient of A would be a product for each row of a batch, and their sum."""
    return x.reshape(-1, x.shape[-1])


def _together(linear: nn.Module, x: mx.array, a: mx.array, b: mx.array) -> mx.array:
    """linear(x) + x a b, [N, out]. Its gradient is what MLX would make of it, in fewer pieces of work: the sum of the
    two ways back to x is made by the second product as it goes."""

    @mx.custom_function
    def forward(x: mx.array, a: mx.array, b: mx.array) -> tuple[mx.array, mx.array]:
        narrow = x @ a
        return mx.addmm(linear(x), narrow, b), narrow

    @forward.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, mx.array, mx.array]:
        (x, a, b), slope, narrow = primals, cotangents[0], outputs[1]
        _, (through,) = mx.vjp(linear, [x], [slope])
        back = slope @ b.T
        return mx.addmm(through, back, a.T), x.T @ back, narrow.T @ slope

    y: mx.array = forward(x, a, b)[0]
    return y


def wrap_layer(layer: nn.Module, rank: int, scale: float, dropout: float) -> AdapterLayer:
    """The add-on that fits a layer."""
    kind: Any = LoRAExperts if is_experts(layer) else LoRAEmbedding if is_embedding(layer) else LoRALinear
    made: AdapterLayer = kind(layer, rank, scale, dropout)
    return made


def _uniform(shape: tuple[int, ...], inputs: int) -> mx.array:
    bound = 1 / math.sqrt(inputs)
    return mx.random.uniform(-bound, bound, shape)
