"""The trained parameters as the optimizer sees them: an adapter's many small tensors as one vector.

A LoRA adapter is hundreds of tensors of a few thousand numbers. Updated one by one they cost a GPU ten small pieces of
work each, more than the rest of a step; laid end to end they cost a few dozen altogether. The numbers are the same,
because optimizers work number by number. Full fine-tuning keeps its few large tensors as they are: joined, their
gradients would lie in memory twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core.adapters.lora import AdapterLayer, LoRALinear


class _Tensor(NamedTuple):
    """One of the tensors that a vector is made of."""

    name: str
    shape: tuple[int, ...]
    size: int


class FlatParameters:
    """Turns the trained tensors of a model, with its adapter attached or free for full fine-tuning, into vectors.

    Where `is_flat` is False, trees of tensors go through as they are.
    """

    def __init__(self, model: nn.Module, is_flat: bool) -> None:
        self.is_flat = is_flat
        # A vector for each kind (lora_a, lora_b, m): LoRA+ tells them apart, and B alone takes a scale.
        self._vectors: dict[str, list[_Tensor]] = {}
        for name, value in tree_flatten(model.trainable_parameters()):
            tensor = _Tensor(name, tuple(value.shape), value.size)
            self._vectors.setdefault(name.rpartition(".")[2], []).append(tensor)
        layers = [m for _, m in model.named_modules() if isinstance(m, AdapterLayer)]
        # Every layer scales B and casts its factors to what it computes in; done at once for all it is the same.
        same_scale = len({m.scale for m in layers}) == 1 and all(type(m) is LoRALinear for m in layers)
        self._scaled_layers = layers if is_flat and same_scale else []  # for which a step does so
        self._scale = self._scaled_layers[0].scale if self._scaled_layers else 1.0

    def flatten(self, tensors: dict[str, Any]) -> dict[str, Any]:
        """A tree of the trained tensors as the optimizer takes it: a float32 vector for each kind, {"lora_a": [n]}."""
        if not self.is_flat:
            return tensors
        by_name = dict(tree_flatten(tensors))
        return {
            kind: mx.concatenate([by_name[tensor.name].reshape(-1) for tensor in members]).astype(mx.float32)
            for kind, members in self._vectors.items()
        }

    def unflatten(self, vectors: dict[str, Any]) -> dict[str, Any]:
        """The reverse of flatten(): the tree of the model's trained tensors."""
        if not self.is_flat:
            return vectors
        leaves = []
        for kind, members in self._vectors.items():
            ends = list(accumulate(tensor.size for tensor in members))
            parts = mx.split(vectors[kind], ends[:-1])
            leaves += [(tensor.name, part.reshape(tensor.shape)) for tensor, part in zip(members, parts, strict=True)]
        tree: dict[str, Any] = tree_unflatten(leaves)
        return tree

    def for_step(self, vectors: dict[str, Any], dtype: mx.Dtype) -> dict[str, Any]:
        """The tensors with which a step computes: LoRA's in `dtype`, with B scaled; see in_step()."""
        if not self._scaled_layers:
            return self.unflatten(vectors)
        return self.unflatten({kind: self._apply_scale(kind, v).astype(dtype) for kind, v in vectors.items()})

    def flatten_gradient(self, gradient: dict[str, Any]) -> dict[str, Any]:
        """The gradient as the optimizer takes it, from that with respect to the tensors of for_step()."""
        vectors = self.flatten(gradient)
        return {kind: self._apply_scale(kind, v) for kind, v in vectors.items()} if self._scaled_layers else vectors

    def _apply_scale(self, kind: str, value: Any) -> Any:
        return self._scale * value if kind == "lora_b" else value

    @contextmanager
    def in_step(self) -> Iterator[None]:
        """Within it the adapter's layers take B as for_step() has scaled it."""
        try:
            for layer in self._scaled_layers:
                layer.scale = 1.0
            yield
        finally:
            for layer in self._scaled_layers:
                layer.scale = self._scale
