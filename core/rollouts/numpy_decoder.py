"""One more token of many completions, computed with NumPy: for small models in float32 on a processor.

Token by token there is little to compute in each operation, and MLX's evaluation of a graph takes longer a piece than
the piece itself: a thousand pieces a token for six layers. NumPy takes a fraction of that. The numbers are those of
the model to rounding; prompts go through the model itself.
"""

from typing import Any

import numpy as np

from core.adapters.numpy_weights import Block, NumpyWeights, head_factors, make_numpy_weights, normalize
from core.rollouts.row_cache import RowCache


class NumpyDecoder:
    """A model's weights as they are now, for one token at a time of each row."""

    def __init__(self, weights: NumpyWeights) -> None:
        self.weights = weights
        self.heads, self.key_heads, self.size = weights.heads, weights.key_heads, weights.size

    def logits(self, tokens: np.ndarray, cache: RowCache) -> np.ndarray:
        """The logits [N, V] of the tokens after `tokens` [N], of which the cache has those before."""
        with np.errstate(all="ignore"):  # e^-gate is infinite where silu is 0, and a run may have come to no numbers
            return self._logits(tokens, cache)

    def _logits(self, tokens: np.ndarray, cache: RowCache) -> np.ndarray:
        weights = self.weights
        h = weights.embedding[tokens]
        cosine, sine = weights.rotations(cache.positions)
        cache.add_token()
        for n, block in enumerate(weights.blocks):
            qkv = block.qkv(normalize(h, block.eps[0])[0])
            h = h + block.out(self._attend(qkv, block, n, cache, cosine, sine))
            gate_up = block.gate_up(normalize(h, block.eps[2])[0])
            gate, up = gate_up[:, : gate_up.shape[1] // 2], gate_up[:, gate_up.shape[1] // 2 :]
            divisor = np.exp(-gate)
            divisor += 1
            y = gate * up
            y /= divisor
            h = h + block.down(y)
        output, bias = weights.output
        logits: np.ndarray = (normalize(h, weights.eps)[0] * weights.norm) @ output
        return logits if bias is None else logits + bias

    def _attend(
        self, qkv: np.ndarray, block: Block, layer: int, cache: RowCache, cosine: np.ndarray, sine: np.ndarray
    ) -> np.ndarray:
        """What attention gives for the last token of every row [N, heads * size]."""
        rows, rotated = len(qkv), (self.heads + self.key_heads) * self.size
        x = qkv[:, :rotated].reshape(rows, -1, 2, self.size // 2)
        if block.heads_norm is not None:
            factors = head_factors(x, block.eps[1])
            x = x * block.heads_norm
            x *= factors
        x = x * cosine + x[:, :, ::-1] * sine
        x = x.reshape(rows, -1, self.size)
        keys, values = cache.update(layer, x[:, self.heads :], qkv[:, rotated:].reshape(rows, -1, self.size))
        scale = np.float32(self.weights.scale)
        queries = (x[:, : self.heads] * scale).reshape(rows, self.key_heads, -1, self.size)
        scores = queries @ keys.swapaxes(-1, -2)
        if (hidden := cache.hidden) is not None:
            scores += hidden
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        attended: np.ndarray = scores @ values
        return attended.reshape(rows, -1)


def make_decoder(model: Any) -> NumpyDecoder | None:
    """A decoder with a model's weights of now; None where it cannot be computed so, or memory is short."""
    weights = make_numpy_weights(model, few_rows=True)
    return None if weights is None else NumpyDecoder(weights)
