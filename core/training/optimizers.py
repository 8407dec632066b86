"""The optimizers: MLX's, set up as PyTorch and TRL have them."""

from typing import Any

import mlx.core as mx
import mlx.optimizers as opt
from mlx.utils import tree_flatten, tree_map

UNDECAYED = "_undecayed"  # ends the name of a vector of an adapter's tensors that weight decay leaves alone


class LoRAPlus(opt.MultiOptimizer):
    """Larger steps for B and, as in PEFT, for DoRA's magnitudes and the norms and biases that an adapter holds whole
    (LoRA+, Hayou et al., arXiv:2402.12354).

    An embedding's adapter takes the same two rates; PEFT gives it a third, 1e-6 unless told otherwise. PEFT decays RMS
    norms here; Hone does not, as elsewhere.
    """

    def __init__(self, name: str, weight_decay: float, ratio: float, has_undecayed: bool = False) -> None:
        parts = [_base_optimizer(name, weight_decay), _base_optimizer(name, weight_decay)]
        filters = [lambda path, _: not _has_larger_steps(path)]
        if has_undecayed:
            parts.append(_base_optimizer(name, 0.0))
            filters.append(lambda path, _: not path.endswith(UNDECAYED))
        super().__init__(parts, filters)
        self._ratio = ratio

    @property
    def learning_rate(self) -> mx.array:
        """Of the first matrices (A); setting it sets that of the others too, times the ratio."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, lr: float) -> None:
        self.optimizers[0].learning_rate = lr
        for optimizer in self.optimizers[1:]:
            optimizer.learning_rate = lr * self._ratio


def _has_larger_steps(path: str) -> bool:
    return path.rpartition(".")[2] in ("lora_b", "m") or path.endswith(UNDECAYED)


def build(
    name: str, weight_decay: float, trains_all: bool, plus: float | None = None, has_undecayed: bool = False
) -> Any:
    """An optimizer for "adamw", "adam", "lion" or "sgd"; its learning_rate is set before every step.

    Adam and AdamW correct their bias (MLX's default does not: the first step would be 3.2 times too large). Lion has
    the betas of its paper, 0.9 and 0.99; transformers gives it AdamW's 0.9 and 0.999.

    Norms and biases are not decayed, as in transformers: with `trains_all`, full fine-tuning, everything with fewer
    than two dimensions and the biases of experts; with `has_undecayed` the vectors of an adapter whose names end with
    UNDECAYED. An adapter's own matrices and magnitudes are. `plus` is the ratio of LoRA+. Raises ValueError for another
    name.
    """
    if plus is not None:
        return LoRAPlus(name, weight_decay, plus, has_undecayed)
    if not weight_decay or not (trains_all or has_undecayed):
        return _base_optimizer(name, weight_decay)
    pair = [_base_optimizer(name, weight_decay), _base_optimizer(name, 0.0)]
    return opt.MultiOptimizer(pair, [_is_decayed if trains_all else lambda path, _: not path.endswith(UNDECAYED)])


def _is_decayed(path: str, value: mx.array) -> bool:
    return value.ndim >= 2 and not path.endswith("bias")


def _base_optimizer(name: str, weight_decay: float) -> Any:
    if name == "adamw":
        return opt.AdamW(0.0, betas=[0.9, 0.999], eps=1e-8, weight_decay=weight_decay, bias_correction=True)
    if name == "adam":
        return opt.Adam(0.0, betas=[0.9, 0.999], eps=1e-8, bias_correction=True)
    if name == "lion":
        return opt.Lion(0.0, weight_decay=weight_decay)
    if name == "sgd":
        return opt.SGD(0.0)
    raise ValueError(name)


def global_norm(gradients: Any) -> mx.array:
    """L2 norm over all tensors of a gradient tree, in float32; a scalar."""
    # In the order of their names: MLX's trees come out of a MultiOptimizer in any, and the last digit shows it.
    by_name = sorted(tree_flatten(gradients), key=lambda item: item[0])
    return mx.sqrt(sum(mx.square(g.astype(mx.float32)).sum() for _, g in by_name))


def clip(gradients: Any, norm: mx.array, max_norm: float) -> Any:
    """Gradients scaled by min(1, max_norm / (norm + 1e-6)); a `max_norm` of 0 leaves them as they are."""
    if not max_norm:
        return gradients

    factor = mx.minimum(1.0, max_norm / (norm + 1e-6))
    return tree_map(lambda g: g * factor.astype(g.dtype), gradients)
