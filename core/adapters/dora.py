"""DoRA: LoRA that learns the size of each output apart from its direction (Liu et al., arXiv:2402.09353).

y = m · (W + s BA) x / ‖W + s BA‖ + bias, with the norm of each row and without a gradient through it, as in the
paper's section 4.3 and in PEFT. m [out] starts as the norm of the rows of W, unpacked where they are packed.

The norm needs no second matrix as large as W: ‖W + s BA‖² = ‖W‖² + 2 s (W Aᵀ)·B + s² B (A Aᵀ) Bᵀ, row by row,
whose first term never changes and whose others are as narrow as the add-on. Where PEFT drops inputs of the whole
layer, dropout here acts on the add-on's inputs alone, as in mlx-lm: one product with W less.
"""

import mlx.core as mx
import mlx.nn as nn

from core.adapters.lora import AdapterLayer, LoRALinear
from core.errors import BadOption
from core.quant import dense, is_linear

KIND = "dora"


class DoRALinear(LoRALinear):
    """A linear layer with its add-on and a magnitude for each output."""

    def __init__(self, linear: nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__(linear, rank, scale, dropout)
        # An underscore keeps arrays out of a module's parameters.
        self._squared = mx.square(dense(linear, mx.float32)).sum(axis=1)  # [out]
        self.m = mx.sqrt(self._squared)
        mx.eval(self._squared, self.m)  # one unpacked matrix at a time
        self._known: tuple[mx.array, mx.array, mx.array] | None = None

    def __call__(self, x: mx.array) -> mx.array:
        if not self.enabled:
            return self.linear(x)
        gain, y = self._gain_and_product(x)
        # The gain is close to 1, so what it differs by keeps more digits in 16 bit than the gain itself.
        more, y = (gain - 1).astype(x.dtype), y + self.branch(x)
        return y + more * (y - self.linear.bias.astype(x.dtype) if "bias" in self.linear else y)

    def _gain_and_product(self, x: mx.array) -> tuple[mx.array, mx.array]:
        """(m / ‖W + s BA‖ [out], the layer's own output)."""
        if not self.training and self._known and self._known[0] is self.lora_a and self._known[1] is self.lora_b:
            return self.m / self._known[2], self.linear(x)
        # The rows of A go through W beside the inputs: packed weights are unpacked once for both.
        rows = x.reshape(-1, x.shape[-1])
        a = mx.stop_gradient(self.lora_a)
        both = self.linear(mx.concatenate([rows, a.T.astype(x.dtype)]))
        y, narrow = both[: rows.shape[0]], both[rows.shape[0] :].astype(mx.float32)  # [rows, out], [rank, out]
        if "bias" in self.linear:
            narrow = narrow - self.linear.bias.astype(mx.float32)
        norm = self._norm(mx.stop_gradient(narrow))
        if not self.training:  # answering: the norm stays until the add-on's tensors are exchanged
            self._known = (self.lora_a, self.lora_b, norm)
        return self.m / norm, y.reshape(*x.shape[:-1], -1)

    def _norm(self, narrow: mx.array) -> mx.array:
        """‖W + s BA‖ of each row, [out], from W Aᵀ as `narrow` [rank, out]."""
        a, b = mx.stop_gradient(self.lora_a), mx.stop_gradient(self.lora_b)
        squared = self._squared + 2 * self.scale * (narrow * b).sum(axis=0)
        squared = squared + self.scale**2 * (b * ((a.T @ a) @ b)).sum(axis=0)
        return mx.sqrt(mx.maximum(squared, 1e-24))

    @property
    def delta(self) -> mx.array:
        """What it adds to the weight matrix, [out, in] float32."""
        weight = dense(self.linear, mx.float32)
        whole = weight + super().delta
        return whole * (self.m / mx.linalg.norm(whole, axis=1))[:, None] - weight


def wrap_layer(layer: nn.Module, rank: int, scale: float, dropout: float) -> AdapterLayer:
    """The add-on of a linear layer. Raises BadOption for any other."""
    if not is_linear(layer):
        raise BadOption(f"DoRA goes with linear layers; {type(layer).__name__} takes lora.")
    return DoRALinear(layer, rank, scale, dropout)
