"""The weights of a model, its adapter in them, as NumPy computes with them on a processor.

MLX's evaluation of a graph takes a while for each operation, its exponential is slow on x86 (core.model.fast_exp), and
its operations all write to new memory. For models of a known structure in float32 NumPy is quicker: for a token of
each answer (core.rollouts.numpy_decoder) and for the gradient of a step (core.training.numpy_gradient).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core.adapters.fused_blocks import GATE_UP, QKV, head_size, rotates_alike, rotation_at, unknown_structure
from core.adapters.lora import LoRALinear
from core.device import openblas
from core.device.parallel import share_out
from core.device.parallel_plan import usable_cores
from core.device.process_memory import has_room_for_copy
from core.model.numpy_arrays import empty, view

ROTATIONS = 256  # positions whose rotation is computed at a time


@dataclass
class LayerAdapter:
    """The adapter of one layer, as the product that the layer is part of takes it."""

    layer: LoRALinear
    name: str  # of the layer
    outputs: slice  # of the product
    a: np.ndarray  # [in, rank], the norm before the product in it
    b: np.ndarray  # [rank, outputs], scaled


class Product:
    """Linear layers with one input as one product, x weight + bias, with their adapters in it.

    The weight of the norm before them, if there is one, is in it, too.
    """

    def __init__(self, layers: Sequence[tuple[str, Any]], norm: mx.array | None, few_rows: bool) -> None:
        """`layers` by name: nn.Linear, or LoRALinear over one; `few_rows`: products have a few rows of x, and not
        hundreds."""
        bases = [layer.linear if type(layer) is LoRALinear else layer for _, layer in layers]
        ends = list(accumulate(len(base.weight) for base in bases))
        places = [slice(end - len(base.weight), end) for base, end in zip(bases, ends, strict=True)]
        inputs = bases[0].weight.shape[1]
        self.norm = None if norm is None else view(norm)
        # [in, out]. BLAS lays out what lies so quicker, and the layers' own weights lie as [out, in].
        self.weight = empty(inputs, ends[-1]) if few_rows else empty(ends[-1], inputs).T
        self.bias = _join_biases(bases)
        self.adapters = list[LayerAdapter]()
        none = np.empty((0, 0), np.float32)
        for (name, layer), base, outputs in zip(layers, bases, places, strict=True):
            if layer is not base:
                self.adapters.append(LayerAdapter(layer, name, outputs, none, none))
            else:
                self._set(base, outputs)

    def merge(self) -> None:
        """Put the adapters as they are now into the weight."""
        for adapter in self.adapters:
            layer = adapter.layer
            adapter.a, adapter.b = view(layer.lora_a), np.float32(layer.scale) * view(layer.lora_b)
            self._set(layer.linear, adapter.outputs, (adapter.a, adapter.b) if layer.enabled else None)
            if self.norm is not None:
                adapter.a = self.norm[:, None] * adapter.a

    def _set(self, base: nn.Linear, outputs: slice, factors: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        part, matrix = self.weight[:, outputs], view(base.weight).T
        if factors is None:
            part[:] = matrix
        else:
            np.matmul(*factors, out=part)
            part += matrix
        if self.norm is not None:
            part *= self.norm[:, None]

    @property
    def outputs(self) -> int:
        """Numbers that it gives for a row."""
        return int(self.weight.shape[1])

    def __call__(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """[N, out] from x [N, in], before its norm's weight."""
        y: np.ndarray = np.matmul(x, self.weight, out=out)
        if self.bias is not None:
            y += self.bias
        return y


@dataclass(frozen=True)
class Block:
    """The weights of one block."""

    qkv: Product
    out: Product
    gate_up: Product
    down: Product
    heads_norm: np.ndarray | None  # of queries and keys [heads + key heads, 2, size / 2]
    eps: tuple[float, float, float]  # of the norms before attention, of queries and keys, before the feed-forward part

    @property
    def products(self) -> tuple[Product, ...]:
        return self.qkv, self.out, self.gate_up, self.down


class NumpyWeights:
    """The weights of a model that can_use_numpy() accepts; nothing of them but the adapters may change."""

    def __init__(self, model: Any, few_rows: bool) -> None:
        """`few_rows`: a few rows are computed at a time, and not hundreds."""
        body, attention = model.model, model.layers[0].self_attn
        self.heads, self.key_heads = int(attention.n_heads), int(attention.n_kv_heads)
        self.size, self.scale = head_size(attention), float(attention.scale)
        self.blocks = [_block(block, f"model.layers.{n}.", self.size, few_rows) for n, block in enumerate(body.layers)]
        self.embedding = view(body.embed_tokens.weight)
        self._head = body.embed_tokens if model.args.tie_word_embeddings else model.lm_head
        self._output = Product([("lm_head", self._head)], None, few_rows) if type(self._head) is LoRALinear else None
        self.norm, self.eps = view(body.norm.weight), float(body.norm.eps)
        self._rope = attention.rope
        self._cosines = self._sines = np.zeros((0, 1, 2, self.size // 2), np.float32)
        self.merge()

    def merge(self) -> None:
        """Put the adapters as they are now into the weights, on all cores that are used side by side."""
        products = [p for block in self.blocks for p in block.products] + [p for p in [self._output] if p]
        layers = [adapter.layer for product in products for adapter in product.adapters]
        mx.eval([(layer.lora_a, layer.lora_b) for layer in layers])  # one by one takes longer than the products
        cores = usable_cores()

        def merge(core: int) -> None:
            with np.errstate(all="ignore"):  # what is no number is told by the loss
                for product in products[core::cores]:
                    product.merge()

        with openblas.one_thread():  # whose own threads go on being busy for a while when there is nothing left to do
            share_out(merge, cores)

    @property
    def adapter_names(self) -> set[str]:
        """The names of the tensors of all adapters in the blocks."""
        adapters = [adapter for block in self.blocks for product in block.products for adapter in product.adapters]
        return {f"{adapter.name}.{kind}" for adapter in adapters for kind in ("lora_a", "lora_b")}

    @property
    def first_trained(self) -> int:
        """The number of the first block with an adapter, from 0; as many as there are blocks where none has."""
        trained = (n for n, block in enumerate(self.blocks) if any(product.adapters for product in block.products))
        return next(trained, len(self.blocks))

    @property
    def output(self) -> tuple[np.ndarray, np.ndarray | None]:
        """(the output layer [D, V], its bias)."""
        if self._output is not None:
            return self._output.weight, self._output.bias
        # The largest matrix stays as it lies.
        return view(self._head.weight).T, view(self._head.bias) if "bias" in self._head else None

    def rotations(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cosines, sines with their sign [N, 1, 2, size / 2]) of the rotary embedding at positions [N]."""
        if (longest := int(positions.max()) + 1) > len(self._cosines):
            length = -(-longest // ROTATIONS) * ROTATIONS
            cosine, sine = (np.array(table) for table in rotation_at(self._rope, self.size, length, 0))
            self._sines = np.stack([-sine, sine], axis=1)[:, None]
            self._cosines = np.stack([cosine, cosine], axis=1)[:, None]
        return self._cosines[positions], self._sines[positions]


def can_use_numpy(model: Any) -> bool:
    """Whether NumpyWeights computes what a model does: of a known structure, in float32, on a processor."""
    body: Any = getattr(model, "model", None)
    if mx.default_device() != mx.cpu or unknown_structure(body):
        return False
    if type(model).__module__ != type(body).__module__ or type(model).__name__ != "Model":
        return False
    attentions = [block.self_attn for block in body.layers]
    linears = [attention[f"{name}_proj"] for attention in attentions for name in "qkvo"]
    linears += [block.mlp[f"{name}_proj"] for block in body.layers for name in ("gate", "up", "down")]
    if not model.args.tie_word_embeddings:
        linears.append(model.lm_head)
    norms = [norm for b in body.layers for norm in (b.input_layernorm, b.post_attention_layernorm)] + [body.norm]
    norms += [attention[name] for attention in attentions for name in ("q_norm", "k_norm") if name in attention]
    embedding = body.embed_tokens
    return (
        all(_is_plain(linear) for linear in linears)
        and all(type(norm) is nn.RMSNorm for norm in norms)
        and type(embedding) is nn.Embedding
        and embedding.weight.dtype == mx.float32
        and all(("q_norm" in attention) == ("k_norm" in attention) for attention in attentions)
        and rotates_alike(attentions)
    )


def make_numpy_weights(model: Any, few_rows: bool) -> NumpyWeights | None:
    """A model's weights for NumPy; None where it cannot be computed so, or memory is short."""
    if not can_use_numpy(model):
        return None
    size = sum(m.weight.nbytes for block in model.layers for m in block.modules() if isinstance(m, nn.Linear))
    return NumpyWeights(model, few_rows) if has_room_for_copy(size) else None


def normalize(h: np.ndarray, eps: float, out: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(rows divided by the root of the mean of their squares, what they were multiplied by [N, 1])."""
    squares = np.einsum("nd,nd->n", h, h)
    factors = (1 / np.sqrt(squares / h.shape[1] + np.float32(eps)))[:, None]
    normed: np.ndarray = np.multiply(h, factors, out=out)
    return normed, factors


def head_factors(x: np.ndarray, eps: float) -> np.ndarray:
    """By what the norm of each head multiplies it [N, heads, 1, 1], from its halves, x [N, heads, 2, size / 2]."""
    squares = np.einsum("nhij,nhij->nh", x, x)
    factors: np.ndarray = 1 / np.sqrt(squares / np.float32(2 * x.shape[-1]) + np.float32(eps))
    return factors[:, :, None, None]


def _is_plain(linear: Any) -> bool:
    """Whether a linear layer is a float32 matrix, with LoRA or without."""
    base = linear.linear if type(linear) is LoRALinear else linear
    return type(base) is nn.Linear and base.weight.dtype == mx.float32


def _block(block: Any, prefix: str, size: int, few_rows: bool) -> Block:
    attention = block.self_attn
    heads_norm, eps = None, 0.0
    if "q_norm" in attention:
        norms = [attention.q_norm.weight] * attention.n_heads + [attention.k_norm.weight] * attention.n_kv_heads
        heads_norm, eps = np.array(mx.stack(norms)).reshape(-1, 2, size // 2), attention.q_norm.eps
    layers = {f"{part}.{name}": layer for part in ("self_attn", "mlp") for name, layer in block[part].items()}

    def join(names: Sequence[str], norm: mx.array | None = None) -> Product:
        return Product([(f"{prefix}{name}", layers[name]) for name in names], norm, few_rows)

    before, after = block.input_layernorm, block.post_attention_layernorm
    return Block(
        join(QKV, before.weight),
        join(["self_attn.o_proj"]),
        join(GATE_UP, after.weight),
        join(["mlp.down_proj"]),
        heads_norm,
        (float(before.eps), float(eps), float(after.eps)),
    )


def _join_biases(linears: Sequence[Any]) -> np.ndarray | None:
    if not any("bias" in linear for linear in linears):
        return None
    return np.concatenate(
        [np.array(linear.bias) if "bias" in linear else np.zeros(len(linear.weight), np.float32) for linear in linears]
    )
