"""DoRA: LoRA that learns the magnitude of each output apart from its direction (Liu et al., arXiv:2402.09353).

y = m · (W + s BA) x / ‖W + s BA‖ + bias, with the norm of each row and without a gradient through it, as in the
paper's section 4.3 and in PEFT. m [out] starts as the norm of the rows of W, dequantized where they are packed.

The norm needs no second matrix as large as W: ‖W + s BA‖² = ‖W‖² + 2 s (W Aᵀ)·B + s² B (A Aᵀ) Bᵀ, row by row,
whose first term never changes and whose others have the adapter's rank. PEFT applies dropout to the inputs of the
whole layer; here dropout acts on the adapter's inputs alone, as in mlx-lm, which saves one product with W.
"""

import mlx.core as mx
import mlx.nn as nn

from core.adapters.lora import AdapterLayer, LoRALinear
from core.errors import BadOption
from core.quant import is_linear, linear_weight
from core.text.sentence import say

KIND = "dora"


class DoRALinear(LoRALinear):
    """A linear layer with a DoRA adapter: lora_a [in, rank], lora_b [rank, out], and the magnitude m [out]."""

    def __init__(self, linear: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__(linear, rank, scale, dropout)
        # An underscore keeps arrays out of a module's parameters.
        self._squared_norm = mx.square(linear_weight(linear, mx.float32)).sum(axis=1)  # ‖W‖² of each row, [out]
        self.m = mx.sqrt(self._squared_norm)
        mx.eval(self._squared_norm, self.m)  # one dequantized matrix at a time
        self._cached_norm: tuple[mx.array, mx.array, mx.array] | None = None  # (lora_a, lora_b, norm [out])

    def __call__(self, x: mx.array) -> mx.array:
        """[..., out] from x [..., in], in the dtype of the base layer."""
        if not self.enabled:
            return self.linear(x)
        gain, y = self._gain_and_output(x)
        # The gain is close to 1, so its difference from 1 keeps more digits in 16 bit than the gain itself.
        excess, y = (gain - 1).astype(x.dtype), y + self.branch(x)
        return y + excess * (y - self.linear.bias.astype(x.dtype) if "bias" in self.linear else y)

    def _gain_and_output(self, x: mx.array) -> tuple[mx.array, mx.array]:
        """(m / ‖W + s BA‖ [out], the output of the base layer [..., out])."""
        norm = None if self.training else self._find_cached_norm()
        if norm is not None:
            return self.m / norm, self.linear(x)
        # The rows of A go through W together with the inputs: packed weights are dequantized once for both.
        rows = x.reshape(-1, x.shape[-1])
        a = mx.stop_gradient(self.lora_a)
        outputs = self.linear(mx.concatenate([rows, a.T.astype(x.dtype)]))  # [rows + rank, out]
        y, narrow = outputs[: rows.shape[0]], outputs[rows.shape[0] :].astype(mx.float32)
        if "bias" in self.linear:
            narrow = narrow - self.linear.bias.astype(mx.float32)
        norm = self._norm(mx.stop_gradient(narrow))
        if not self.training:  # in inference the norm is valid until the adapter's tensors are replaced
            self._cached_norm = (self.lora_a, self.lora_b, norm)
        return self.m / norm, y.reshape(*x.shape[:-1], -1)

    def _find_cached_norm(self) -> mx.array | None:
        """The cached norm [out] where it is that of the current tensors, else None."""
        if self._cached_norm is None:
            return None
        a, b, norm = self._cached_norm
        return norm if a is self.lora_a and b is self.lora_b else None

    def _norm(self, narrow: mx.array) -> mx.array:
        """‖W + s BA‖ of each row, [out], from W Aᵀ as `narrow` [rank, out]."""
        a, b = mx.stop_gradient(self.lora_a), mx.stop_gradient(self.lora_b)
        squared = self._squared_norm + 2 * self.scale * (narrow * b).sum(axis=0)
        squared = squared + self.scale**2 * (b * ((a.T @ a) @ b)).sum(axis=0)
        return mx.sqrt(mx.maximum(squared, 1e-24))

    @property
    def delta(self) -> mx.array:
        """What the adapter adds to the weight matrix, [out, in] float32."""
        weight = linear_weight(self.linear, mx.float32)
        direction = weight + super().delta
        return direction * (self.m / mx.linalg.norm(direction, axis=1))[:, None] - weight


def wrap_layer(layer: nn.Module, rank: int, scale: float, dropout: float) -> AdapterLayer:
    """A linear layer with a DoRA adapter. Raises BadOption for a layer of another kind."""
    if not is_linear(layer):
        raise BadOption(say("DoRA goes with linear layers; {name} takes lora.", name=type(layer).__name__))
    return DoRALinear(layer, rank, scale, dropout)
