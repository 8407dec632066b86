"""The trained parameters as the optimizer sees them: an adapter's many small tensors as one vector.

A LoRA adapter is hundreds of tensors of a few thousand numbers. Updated one by one they cost a GPU ten small pieces of
work each, more than the rest of a step; laid end to end they cost a few dozen altogether. The numbers are the same,
because optimizers work number by number. Full fine-tuning keeps its few large tensors as they are: joined, their
gradients would lie in memory twice.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from core.adapters.fused_blocks import set_stacks, takes_stacks
from core.adapters.lora import AdapterLayer, LoRALinear
from core.adapters.stacked_factors import split_blocks
from core.training.optimizers import UNDECAYED
from core.training.vector_pieces import ANY, Piece, Tensor, of_block, with_stacks

BLOCKS = "model.layers."  # before the names of what lies in fused blocks


class FlatParameters:
    """Turns the trained tensors of a model, with its adapter attached or free for full fine-tuning, into vectors.

    Where `is_flat` is False, trees of tensors go through as they are.
    """

    def __init__(self, model: nn.Module, is_flat: bool) -> None:
        self.is_flat, self._model = is_flat, model
        # A vector for each kind (lora_a, lora_b, m): LoRA+ tells them apart, and B alone takes a scale.
        self._vectors: dict[str, list[Tensor]] = {}
        for name, value in tree_flatten(model.trainable_parameters()):
            self._vectors.setdefault(_kind(name, value), []).append(Tensor(name, tuple(value.shape)))
        modules = dict(model.named_modules())
        places = [tensor.name.rpartition(".") for tensors in self._vectors.values() for tensor in tensors]
        self._owners = [(modules[place], key) for place, _, key in places] if is_flat else []
        layers = [m for m in modules.values() if isinstance(m, AdapterLayer)]
        # Every layer scales B and casts its factors to what it computes in; done at once for all it is the same.
        same_scale = len({m.scale for m in layers}) == 1 and all(type(m) is LoRALinear for m in layers)
        self._scaled_layers = layers if is_flat and same_scale else []  # for which a step does so
        self._scale = self._scaled_layers[0].scale if self._scaled_layers else 1.0
        self._has_stacks = bool(self._scaled_layers) and takes_stacks(model)
        self._pieces: dict[str, list[Piece]] = {
            kind: with_stacks(tensors, BLOCKS) if self._has_stacks else list(tensors)
            for kind, tensors in self._vectors.items()
        }

    @property
    def scales_at_once(self) -> bool:
        """Whether a step scales B of all layers at once: the gradient is then with respect to what is scaled."""
        return bool(self._scaled_layers)

    @property
    def has_undecayed(self) -> bool:
        """Whether some vectors are of norms and biases that an adapter holds whole, which weight decay leaves alone."""
        return self.is_flat and any(kind.endswith(UNDECAYED) for kind in self._vectors)

    @property
    def names(self) -> set[str]:
        """The names of the trained tensors."""
        return {tensor.name for tensors in self._vectors.values() for tensor in tensors}

    def flatten(self, tensors: dict[str, Any]) -> dict[str, Any]:
        """A tree of the trained tensors as the optimizer takes it: a float32 vector for each kind, {"lora_a": [n]}."""
        if not self.is_flat:
            return tensors
        by_name = dict(tree_flatten(tensors))
        return {
            kind: mx.concatenate([by_name[tensor.name].reshape(-1) for tensor in members]).astype(mx.float32)
            for kind, members in self._vectors.items()
        }

    def unflatten(self, vectors: dict[str, Any]) -> Any:
        """The reverse of flatten(), as put() takes it."""
        if not self.is_flat:
            return vectors
        return [t for kind, tensors in self._vectors.items() for _, t in _split(vectors[kind], tensors)]

    def put(self, tensors: Any) -> None:
        """Give the model the tensors of unflatten(). nn.Module.update() would let a GPU stand still for longer."""
        if not self.is_flat:
            self._model.update(tensors)
            return
        for (owner, key), tensor in zip(self._owners, tensors, strict=True):
            owner[key] = tensor

    def for_step(self, vectors: dict[str, Any], dtype: mx.Dtype) -> dict[str, Any]:
        """The tensors by which a step differentiates, by name: LoRA's in `dtype`, with B scaled; for place()."""
        if not self.is_flat:
            return vectors
        if self._scaled_layers:
            vectors = {kind: self._apply_scale(kind, v).astype(dtype) for kind, v in vectors.items()}
        return {k: v for kind, pieces in self._pieces.items() for k, v in _split(vectors[kind], pieces)}

    def place(self, tensors: dict[str, Any]) -> None:
        """Let the model compute with the tensors of for_step(); within in_step()."""
        if not self.is_flat:
            self._model.update(tensors)
            return
        stacks = {name: value for name, value in tensors.items() if ANY in name}
        own = {name: value for name, value in tensors.items() if name not in stacks}
        for name, stack in stacks.items():  # for blocks that are computed in another way
            own |= {of_block(name, number): tensor for number, tensor in enumerate(split_blocks(stack))}
        self._model.update(_to_tree(own))
        if self._has_stacks:
            set_stacks(self._model, {name.removeprefix(f"{BLOCKS}{ANY}."): v for name, v in stacks.items()})

    def flatten_gradient(self, gradient: dict[str, Any]) -> dict[str, Any]:
        """The gradient as the optimizer takes it, from that with respect to the tensors of for_step()."""
        if not self.is_flat:
            return gradient
        vectors = {
            kind: mx.concatenate([piece.join(gradient) for piece in pieces]).astype(mx.float32)
            for kind, pieces in self._pieces.items()
        }
        return {kind: self._apply_scale(kind, v) for kind, v in vectors.items()} if self._scaled_layers else vectors

    def join_gradient(self, gradient: dict[str, np.ndarray]) -> dict[str, Any]:
        """flatten_gradient() of NumPy's arrays, by the names of the trained tensors: a few large pieces for MLX."""
        return {
            kind: mx.array(self._apply_scale(kind, np.concatenate([gradient[t.name].ravel() for t in tensors])))
            for kind, tensors in self._vectors.items()
        }

    def _apply_scale(self, kind: str, value: Any) -> Any:
        return self._scale * value if kind == "lora_b" else value

    @contextmanager
    def in_step(self) -> Iterator[None]:
        """Within it the adapter's layers take B as for_step() has scaled it, and their tensors are those of place()."""
        try:
            for layer in self._scaled_layers:
                layer.scale = 1.0
            yield
        finally:
            for layer in self._scaled_layers:
                layer.scale = self._scale
            if self._has_stacks:
                set_stacks(self._model, {})


def _kind(name: str, value: mx.array) -> str:
    """Which vector a tensor is part of."""
    kind = name.rpartition(".")[2]
    return kind + UNDECAYED if value.ndim < 2 and kind != "m" else kind


def _split(vector: mx.array, pieces: Sequence[Piece]) -> Iterator[tuple[str, mx.array]]:
    """The tensors of a vector, by name."""
    ends = list(accumulate(piece.size for piece in pieces))
    for piece, part in zip(pieces, mx.split(vector, ends[:-1]), strict=True):
        yield from piece.split(part).items()


def _to_tree(tensors: dict[str, mx.array]) -> dict[str, Any]:
    tree: dict[str, Any] = tree_unflatten(list(tensors.items()))
    return tree
