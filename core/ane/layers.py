"""The layers of a block as operations of a Core ML program, every value [1, channels, 1, length]."""

from dataclasses import dataclass
from typing import Any

import mlx.nn as nn
import numpy as np

from core.ane.block import BlockShape, base_linear, bias, norm_weight, rope_tables, weight
from core.text.sentence import say

SMALLEST_PEAK = 1e-2  # what a vector is divided by at least before its squares are summed
MASKED = -3e4  # added to the scores of tokens that are not seen: in float16's range
EINSUM = "nchw,nwhu->nchu"  # the one product of two inputs that takes this layout


@dataclass(frozen=True)
class LayerBuilder:
    """Adds layers to the program under construction."""

    mb: Any  # coremltools' builder of operations
    dtype: type  # np.float16 or np.float32, of the constants too
    length: int

    def block(self, x: Any, block: nn.Module, shape: BlockShape, factors: dict[str, Any], names: dict[str, str]) -> Any:
        """Every output of a block by its name in LINEARS, except "down", and the block's own as "out".

        `factors` are (A, B) by linear; `names` are what outputs of the program are to be called.
        """
        mb, attention = self.mb, block.self_attn

        def linear(name: str, value: Any) -> Any:
            return self.linear(value, base_linear(block, name), factors.get(name), names.get(name))

        outputs = {}
        normed = self.rms_norm(x, block.input_layernorm)
        for name in ("q", "k", "v"):
            outputs[name] = linear(name, normed)
        outputs["o"] = linear("o", self.attention(attention, shape, outputs["q"], outputs["k"], outputs["v"], block))
        x = mb.add(x=x, y=outputs["o"])
        normed = self.rms_norm(x, block.post_attention_layernorm)
        for name in ("gate", "up"):
            outputs[name] = linear(name, normed)
        inner = mb.mul(x=mb.silu(x=outputs["gate"]), y=outputs["up"])
        outputs["out"] = mb.add(x=x, y=linear("down", inner), name=names["out"])
        return outputs

    def linear(self, x: Any, layer: nn.Module, factors: tuple[Any, Any] | None, name: str | None) -> Any:
        """W x + b, plus B A x where there are factors A and B: [1, out, 1, length]."""
        mb, matrix, offset = self.mb, weight(layer), bias(layer)
        options = {} if offset is None else {"bias": self.constant(offset)}
        last = {} if name is None else {"name": name}
        weights = self.constant(matrix[:, :, None, None])
        y = mb.conv(x=x, weight=weights, **options, **({} if factors else last))
        if factors is None:
            return y
        a, b = factors
        narrow = mb.einsum(values=(a, x), equation=EINSUM)
        return mb.add(x=y, y=mb.einsum(values=(b, narrow), equation=EINSUM), **last)

    def rms_norm(self, x: Any, norm: nn.Module) -> Any:
        """RMSNorm over the channels, without overflow: squares above 65504 are more than float16 holds.

        x is divided by its largest magnitude first. The mean is a convolution: the Neural Engine adds those up in more
        than float16.
        """
        mb, channels = self.mb, x.shape[1]
        peak = self._peak(x, axis=1)
        scaled = mb.real_div(x=x, y=peak)
        mean = mb.conv(x=mb.mul(x=scaled, y=scaled), weight=self.constant(np.full((1, channels, 1, 1), 1 / channels)))
        return self._normed(scaled, mean, peak, norm, norm_weight(norm).reshape(1, channels, 1, 1))

    def head_norm(self, x: Any, norm: nn.Module) -> Any:
        """RMSNorm over each head's channels, x [1, heads, head_dim, length]."""
        mb = self.mb
        peak = self._peak(x, axis=2)
        scaled = mb.real_div(x=x, y=peak)
        mean = mb.reduce_mean(x=mb.mul(x=scaled, y=scaled), axes=[2], keep_dims=True)
        return self._normed(scaled, mean, peak, norm, norm_weight(norm).reshape(1, 1, -1, 1))

    def _peak(self, x: Any, axis: int) -> Any:
        mb = self.mb
        peak = mb.reduce_max(x=mb.abs(x=x), axes=[axis], keep_dims=True)
        return mb.maximum(x=peak, y=self.dtype(SMALLEST_PEAK))

    def _normed(self, scaled: Any, mean: Any, peak: Any, norm: nn.Module, weights: Any) -> Any:
        mb = self.mb
        root = mb.real_div(x=self.dtype(np.sqrt(norm.eps)), y=peak)  # eps itself is close to nothing in float16
        inverse = mb.rsqrt(x=mb.add(x=mean, y=mb.mul(x=root, y=root)), epsilon=self.dtype(0))
        return mb.mul(x=mb.mul(x=scaled, y=inverse), y=self.constant(weights))

    def attention(self, attention: nn.Module, shape: BlockShape, q: Any, k: Any, v: Any, block: nn.Module) -> Any:
        """Causal attention: [1, heads * head_dim, 1, length]."""
        mb, n = self.mb, self.length
        q = mb.reshape(x=q, shape=[1, shape.heads, shape.head_dim, n])
        k = mb.reshape(x=k, shape=[1, shape.kv_heads, shape.head_dim, n])
        v = mb.reshape(x=v, shape=[1, shape.kv_heads, shape.head_dim, n])
        if "q_norm" in attention:
            q, k = self.head_norm(q, attention.q_norm), self.head_norm(k, attention.k_norm)
        cos, sin = (self.constant(table[None, None]) for table in rope_tables(block, n))
        q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
        q = mb.mul(x=q, y=self.dtype(attention.scale))  # before the product, which may otherwise be too large
        k, v = self.repeat_heads(k, shape), self.repeat_heads(v, shape)
        scores = mb.matmul(x=q, y=k, transpose_x=True)
        mask = np.triu(np.full((n, n), MASKED), 1)
        weights = mb.softmax(x=mb.add(x=scores, y=self.constant(mask[None, None])), axis=-1)
        mixed = mb.matmul(x=v, y=weights, transpose_y=True)
        return mb.reshape(x=mixed, shape=[1, shape.heads * shape.head_dim, 1, n])

    def rotate(self, x: Any, cos: Any, sin: Any) -> Any:
        """RoPE: the two halves of each head, turned."""
        mb = self.mb
        first, second = mb.split(x=x, num_splits=2, axis=2)
        turned_first = mb.sub(x=mb.mul(x=first, y=cos), y=mb.mul(x=second, y=sin))
        turned_second = mb.add(x=mb.mul(x=second, y=cos), y=mb.mul(x=first, y=sin))
        return mb.concat(values=[turned_first, turned_second], axis=2)

    def repeat_heads(self, x: Any, shape: BlockShape) -> Any:
        """[1, heads, head_dim, length] of [1, kv_heads, head_dim, length], each head as often as queries share it."""
        groups = shape.heads // shape.kv_heads
        if groups == 1:
            return x
        mb = self.mb
        heads = mb.split(x=x, num_splits=shape.kv_heads, axis=1) if shape.kv_heads > 1 else [x]
        return mb.concat(values=[head for head in heads for _ in range(groups)], axis=1)

    def constant(self, values: Any) -> Any:
        """An array in the program's precision. Raises ValueError where it holds what that has no room for."""
        found = np.asarray(values).astype(np.float32)
        if not np.isfinite(found).all() or np.abs(found).max() > np.finfo(self.dtype).max:
            raise ValueError(say("a weight is too large for {dtype}", dtype=np.dtype(self.dtype).name))
        return found.astype(self.dtype)
