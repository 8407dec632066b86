"""One more token of many completions, computed with NumPy: for small models in float32 on a processor.

Token by token there is little to compute in each operation, and MLX's evaluation of a graph takes longer a piece than
the piece itself: a thousand pieces a token for six layers. NumPy takes a fraction of that. The numbers are those of
the model to rounding; prompts go through the model itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import psutil

from core.adapters.fused_blocks import BODIES, head_size, rotates_alike, rotation_at
from core.adapters.lora import LoRALinear
from core.adapters.merged_weights import MEMORY_SHARE
from core.rollouts.row_cache import RowCache

ROTATIONS = 256  # positions whose rotation is computed at a time


class _Product(NamedTuple):
    """A linear layer with its adapter: x weight + bias."""

    weight: np.ndarray  # [in, out]: NumPy's BLAS lays this out quicker than [out, in]
    bias: np.ndarray | None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y: np.ndarray = x @ self.weight
        return y if self.bias is None else y + self.bias


@dataclass(frozen=True)
class _Block:
    """The weights of one block; the norms before products are in these."""

    qkv: _Product
    out: _Product
    gate_up: _Product
    down: _Product
    heads_norm: np.ndarray | None  # [heads + key heads, 2, size / 2]
    eps: tuple[float, float, float]  # of the norms before attention, of queries and keys, before the feed-forward part


class NumpyDecoder:
    """The weights of a model as they are now, for one token at a time of each row."""

    def __init__(self, model: Any) -> None:
        """`model` is one that can_decode() accepts."""
        body, attention = model.model, model.layers[0].self_attn
        self.heads, self.key_heads = int(attention.n_heads), int(attention.n_kv_heads)
        self.size, self.scale = head_size(attention), float(attention.scale)
        self.blocks = [_block(block, self.size) for block in body.layers]
        self.embedding = _as_numpy(body.embed_tokens.weight)
        head = body.embed_tokens if model.args.tie_word_embeddings else model.lm_head
        # The largest matrix stays as it lies; with an adapter it is put together like the others.
        self.output = _join([head]) if type(head) is LoRALinear else _view(head)
        self.norm, self.eps = np.array(body.norm.weight), float(body.norm.eps)
        self._rope = attention.rope
        self._cosines = self._sines = np.zeros((0, 1, 2, self.size // 2), np.float32)

    def logits(self, tokens: np.ndarray, cache: RowCache) -> np.ndarray:
        """The logits [N, V] of the tokens after `tokens` [N], of which the cache has those before."""
        h = self.embedding[tokens]
        cosine, sine = self._rotations(cache.positions)
        cache.add_token()
        for n, block in enumerate(self.blocks):
            qkv = block.qkv(_normed(h, block.eps[0]))
            h = h + block.out(self._attend(qkv, block, n, cache, cosine, sine))
            gate_up = block.gate_up(_normed(h, block.eps[2]))
            gate, up = gate_up[:, : gate_up.shape[1] // 2], gate_up[:, gate_up.shape[1] // 2 :]
            with np.errstate(over="ignore"):  # e^-gate is infinite where silu is 0
                divisor = np.exp(-gate)
            divisor += 1
            y = gate * up
            y /= divisor
            h = h + block.down(y)
        return self.output(_normed(h, self.eps) * self.norm)

    def _attend(
        self, qkv: np.ndarray, block: _Block, layer: int, cache: RowCache, cosine: np.ndarray, sine: np.ndarray
    ) -> np.ndarray:
        """What attention gives for the last token of every row [N, heads * size]."""
        rows, rotated = len(qkv), (self.heads + self.key_heads) * self.size
        x = qkv[:, :rotated].reshape(rows, -1, 2, self.size // 2)
        if block.heads_norm is not None:
            squares = np.einsum("nhij,nhij->nh", x, x)
            x = x * block.heads_norm
            x *= (1 / np.sqrt(squares / self.size + np.float32(block.eps[1])))[:, :, None, None]
        x = x * cosine + x[:, :, ::-1] * sine
        x = x.reshape(rows, -1, self.size)
        keys, values = cache.update(layer, x[:, self.heads :], qkv[:, rotated:].reshape(rows, -1, self.size))
        queries = (x[:, : self.heads] * np.float32(self.scale)).reshape(rows, self.key_heads, -1, self.size)
        scores = queries @ keys.swapaxes(-1, -2)
        if (hidden := cache.hidden) is not None:
            scores += hidden
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        attended: np.ndarray = scores @ values
        return attended.reshape(rows, -1)

    def _rotations(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cosines, sines with their sign [N, 1, 2, size / 2]) of the rotary embedding at positions [N]."""
        if (longest := int(positions.max()) + 1) > len(self._cosines):
            length = -(-longest // ROTATIONS) * ROTATIONS
            cosine, sine = (np.array(table) for table in rotation_at(self._rope, self.size, length, 0))
            self._cosines = np.stack([cosine, cosine], axis=1)[:, None]
            self._sines = np.stack([-sine, sine], axis=1)[:, None]
        return self._cosines[positions], self._sines[positions]


def can_decode(model: Any) -> bool:
    """Whether a model is one that NumpyDecoder computes: of a known structure, in float32, on a processor."""
    body: Any = getattr(model, "model", None)
    package, _, module = type(body).__module__.rpartition(".")
    if mx.default_device() != mx.cpu or package != "mlx_lm.models" or (module, type(body).__name__) not in BODIES:
        return False
    if type(model).__module__ != type(body).__module__ or type(model).__name__ != "Model":
        return False
    if getattr(body, "pipeline_size", 1) != 1 or any(getattr(b, "use_sliding", False) for b in body.layers):
        return False
    attentions = [block.self_attn for block in body.layers]
    linears = [attention[f"{name}_proj"] for attention in attentions for name in "qkvo"]
    linears += [block.mlp[f"{name}_proj"] for block in body.layers for name in ("gate", "up", "down")]
    if not model.args.tie_word_embeddings:
        linears.append(model.lm_head)
    embedding = body.embed_tokens
    return (
        all(_is_plain(linear) for linear in linears)
        and type(embedding) is nn.Embedding
        and embedding.weight.dtype == mx.float32
        and all(("q_norm" in attention) == ("k_norm" in attention) for attention in attentions)
        and rotates_alike(attentions)
    )


def make_decoder(model: Any) -> NumpyDecoder | None:
    """A decoder with a model's weights of now; None where it cannot be computed so, or memory is short."""
    if not can_decode(model):
        return None
    size = sum(m.weight.nbytes for block in model.layers for m in block.modules() if isinstance(m, nn.Linear))
    return NumpyDecoder(model) if size <= MEMORY_SHARE * psutil.virtual_memory().available else None


def _is_plain(linear: Any) -> bool:
    """Whether a linear layer is a float32 matrix, with LoRA or without."""
    base = linear.linear if type(linear) is LoRALinear else linear
    return type(base) is nn.Linear and base.weight.dtype == mx.float32


def _block(block: Any, size: int) -> _Block:
    attention, mlp = block.self_attn, block.mlp
    before, after = block.input_layernorm, block.post_attention_layernorm
    heads_norm, eps = None, 0.0
    if "q_norm" in attention:
        norms = [attention.q_norm.weight] * attention.n_heads + [attention.k_norm.weight] * attention.n_kv_heads
        heads_norm, eps = np.array(mx.stack(norms)).reshape(-1, 2, size // 2), attention.q_norm.eps
    return _Block(
        _join([attention.q_proj, attention.k_proj, attention.v_proj], before.weight),
        _join([attention.o_proj]),
        _join([mlp.gate_proj, mlp.up_proj], after.weight),
        _join([mlp.down_proj]),
        heads_norm,
        (float(before.eps), float(eps), float(after.eps)),
    )


def _join(layers: Sequence[Any], norm: mx.array | None = None) -> _Product:
    """Layers with one input as one product, the weight of the norm before them in it."""
    bases = [layer.linear if type(layer) is LoRALinear else layer for layer in layers]
    ends = list(accumulate(len(base.weight) for base in bases))
    whole = np.empty((bases[0].weight.shape[1], ends[-1]), np.float32)
    for layer, base, part in zip(layers, bases, np.split(whole, ends[:-1], axis=1), strict=True):
        part[:] = _as_numpy(base.weight).T
        if base is not layer and layer.enabled:
            part += (layer.scale * _as_numpy(layer.lora_a)) @ _as_numpy(layer.lora_b)
    if norm is not None:
        whole *= _as_numpy(norm)[:, None]
    if not any("bias" in base for base in bases):
        return _Product(whole, None)
    biases = [np.array(base.bias) if "bias" in base else np.zeros(len(base.weight), np.float32) for base in bases]
    return _Product(whole, np.concatenate(biases))


def _as_numpy(array: mx.array) -> np.ndarray:
    """The same numbers in the same place."""
    return np.array(array, copy=False)


def _view(layer: Any) -> _Product:
    """An output layer, or the embedding as one, without a copy."""
    bias = np.array(layer.bias) if "bias" in layer else None
    return _Product(_as_numpy(layer.weight).T, bias)


def _normed(h: np.ndarray, eps: float) -> np.ndarray:
    """Rows divided by the root of the mean of their squares."""
    squares = np.einsum("nd,nd->n", h, h)
    normed: np.ndarray = h * (1 / np.sqrt(squares / h.shape[1] + np.float32(eps)))[:, None]
    return normed
