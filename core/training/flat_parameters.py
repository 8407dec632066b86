"""What is trained, as the optimizer sees it: an adapter's many small tensors as one vector.

A LoRA adapter is hundreds of tensors of a few thousand numbers. Corrected one by one they cost a GPU ten small pieces
of work each, more than the rest of a step; laid end to end they cost a few dozen altogether. The numbers are the same,
because optimizers work number by number. Full fine-tuning keeps its few large tensors as they are: joined, their
gradients would lie in memory twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core.adapters.lora import AddOn, LoRALinear


class FlatParameters:
    """The trained tensors of a model with its adapter attached (or free for full fine-tuning)."""

    def __init__(self, model: nn.Module, joined: bool) -> None:
        self.joined = joined
        # A vector for each kind (lora_a, lora_b, m): LoRA+ tells them apart, and B alone takes a scale.
        self._vectors: dict[str, list[tuple[str, tuple[int, ...], int]]] = {}  # (name, shape, size) of its tensors
        for name, value in tree_flatten(model.trainable_parameters()):
            self._vectors.setdefault(name.rpartition(".")[2], []).append((name, tuple(value.shape), value.size))
        add_ons = [m for _, m in model.named_modules() if isinstance(m, AddOn)]
        # Every layer scales B and casts its factors to what it computes in; done at once for all it is the same.
        alike = len({m.scale for m in add_ons}) == 1 and all(type(m) is LoRALinear for m in add_ons)
        self._alike = add_ons if joined and alike else []  # for which a step does so
        self._scale = self._alike[0].scale if self._alike else 1.0

    def join(self, tensors: dict[str, Any]) -> dict[str, Any]:
        """A tree of the model's trained tensors as the optimizer takes it: a vector for each kind, {"lora_a": [n]}."""
        if not self.joined:
            return tensors
        found = dict(tree_flatten(tensors))
        return {
            kind: mx.concatenate([found[name].reshape(-1) for name, _, _ in members]).astype(mx.float32)
            for kind, members in self._vectors.items()
        }

    def part(self, values: dict[str, Any]) -> dict[str, Any]:
        """The reverse of join(): the model's trained tensors."""
        if not self.joined:
            return values
        leaves = []
        for kind, members in self._vectors.items():
            ends = list(accumulate(size for _, _, size in members))
            parts = mx.split(values[kind], ends[:-1])
            leaves += [(name, part.reshape(shape)) for (name, shape, _), part in zip(members, parts, strict=True)]
        tree: dict[str, Any] = tree_unflatten(leaves)
        return tree

    def for_step(self, values: dict[str, Any], dtype: mx.Dtype) -> dict[str, Any]:
        """The tensors with which a step computes: LoRA's in `dtype`, with B scaled; see in_step()."""
        if not self._alike:
            return self.part(values)
        return self.part({kind: self._scaled(kind, value).astype(dtype) for kind, value in values.items()})

    def gradient(self, slopes: dict[str, Any]) -> dict[str, Any]:
        """The gradient as the optimizer takes it, from that with respect to the tensors of for_step()."""
        joined = self.join(slopes)
        return {kind: self._scaled(kind, value) for kind, value in joined.items()} if self._alike else joined

    def _scaled(self, kind: str, value: Any) -> Any:
        return self._scale * value if kind == "lora_b" else value

    @contextmanager
    def in_step(self) -> Iterator[None]:
        """Within it the add-ons take B as for_step() has scaled it."""
        try:
            for add_on in self._alike:
                add_on.scale = 1.0
            yield
        finally:
            for add_on in self._alike:
                add_on.scale = self._scale
