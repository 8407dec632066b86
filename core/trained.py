"""What is trained, as the optimizer sees it: an adapter's many small tensors as one vector.

A LoRA adapter is hundreds of tensors of a few thousand numbers. Corrected one by one they cost a GPU ten small pieces
of work each, more than the rest of a step; laid end to end they cost ten altogether. The numbers are the same, because
optimizers work number by number. Full fine-tuning keeps its few large tensors as they are: joined, their gradients
would lie in memory twice.
"""

from itertools import accumulate
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core.adapters.lora import LoRALinear


class Trained:
    """The trained tensors of a model with its adapter attached (or free for full fine-tuning)."""

    def __init__(self, model: nn.Module, joined: bool, by_kind: bool) -> None:
        """`by_kind`: a vector for each kind of tensor (lora_a, lora_b, m), for an optimizer that tells them apart."""
        self.model, self.joined = model, joined
        self._vectors: dict[str, list[tuple[str, tuple[int, ...], int]]] = {}  # (name, shape, size) of its tensors
        for name, value in tree_flatten(model.trainable_parameters()):
            vector = name.rpartition(".")[2] if by_kind else "adapter"
            self._vectors.setdefault(vector, []).append((name, tuple(value.shape), value.size))
        # Every layer casts its factors to what it computes in; done at once for all it is the same cast.
        holders = [m for _, m in model.named_modules() if hasattr(m, "lora_a")]
        self._casts = joined and bool(holders) and all(type(m) is LoRALinear for m in holders)

    def join(self, tensors: dict[str, Any]) -> dict[str, Any]:
        """A tree of the model's trained tensors, or of their gradients, as the optimizer takes it: {"adapter": [n]}."""
        if not self.joined:
            return tensors
        found = dict(tree_flatten(tensors))
        return {
            vector: mx.concatenate([found[name].reshape(-1) for name, _, _ in members]).astype(mx.float32)
            for vector, members in self._vectors.items()
        }

    def part(self, values: dict[str, Any], dtype: mx.Dtype = mx.float32) -> dict[str, Any]:
        """The reverse of join(): the model's trained tensors, those of LoRA in `dtype`."""
        if not self.joined:
            return values
        leaves = []
        for vector, members in self._vectors.items():
            whole = values[vector].astype(dtype) if self._casts else values[vector]
            ends = list(accumulate(size for _, _, size in members))
            parts = mx.split(whole, ends[:-1])
            leaves += [(name, part.reshape(shape)) for (name, shape, _), part in zip(members, parts, strict=True)]
        tree: dict[str, Any] = tree_unflatten(leaves)
        return tree
