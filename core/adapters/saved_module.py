"""Modules of the base that an adapter holds whole, trained: PEFT's modules_to_save.

They stand beside the low-rank layers: an output layer, embeddings or norms whose every weight was trained. The base's
own module stays where it is, so that the model still computes as before training where that is asked.
"""

import copy
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten

from core.adapters.target_modules import is_embedding
from core.errors import BadModel
from core.quant import is_packed, linear_dims
from core.text.sentence import join_and, say


class SavedModule(nn.Module):
    """A module with trained weights in place of its own. With `enabled` False it computes as the base's does.

    The trained tensors have the names that they have in the base's module ("weight", "bias").
    """

    def __init__(self, original: nn.Module, tensors: Mapping[str, mx.array]) -> None:
        super().__init__()
        self.original = original
        self.enabled = True
        self._new_dense = partial(copy.copy, _dense_twin(original))  # no module of the model itself
        self._dtype = _compute_dtype(original)
        for name, value in tensors.items():
            self[name] = value

    @property
    def base(self) -> nn.Module:
        """The frozen module that this one is used in place of."""
        return self["original"]

    @property
    def trained(self) -> dict[str, mx.array]:
        """The trained tensors, by name."""
        return _own_tensors(self)

    def __call__(self, x: mx.array, *args: Any, **kwargs: Any) -> mx.array:
        if not self.enabled:
            return self.original(x, *args, **kwargs)
        if is_embedding(self.original):  # the few rows are cast, not all of them
            return self.weight[x].astype(self._dtype)
        return self._with_trained(x)(x, *args, **kwargs)

    def as_linear(self, x: mx.array) -> mx.array:
        """An embedding as the output layer: logits [..., V] from x [..., dims]."""
        return (self._with_trained(x) if self.enabled else self.original).as_linear(x)

    def cast(self) -> None:
        """Keep the trained tensors in the precision that the module computes in, for use without training."""
        for name, value in self.trained.items():
            self[name] = value.astype(self._dtype)

    def _with_trained(self, x: mx.array) -> Any:
        module = self._new_dense()
        for name, value in self.trained.items():
            module[name] = value.astype(x.dtype)
        return module


def saved_modules(model: nn.Module) -> dict[str, SavedModule]:
    """The modules that an adapter holds whole, by name; {} where it has none."""
    return {name: module for name, module in model.named_modules() if isinstance(module, SavedModule)}


def candidate_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The modules with weights of their own, by name."""
    return {name: module for name, module in model.named_modules() if _own_tensors(module)}


def put_in(model: nn.Module, tensors: Mapping[str, Mapping[str, mx.array]], folder: Path) -> None:
    """Put trained tensors, {name of the module: {"weight": …}}, in the place of the model's own, in float32.

    Raises BadModel where the model has no such module, or one with other tensors or shapes.
    """
    candidates = candidate_modules(model)
    wrapped = []
    for name, values in tensors.items():
        module = candidates.get(name)
        if module is None:
            raise BadModel(
                say(
                    "The adapter in {folder} belongs to another model: there is no module {name} here.",
                    folder=folder,
                    name=name[:100],
                )
            )
        _check(name, values, _dense_shapes(module), folder)
        wrapped.append((name, SavedModule(module, {n: v.astype(mx.float32) for n, v in values.items()})))
    model.update_modules(tree_unflatten(wrapped))


def _check(name: str, values: Mapping[str, mx.array], shapes: Mapping[str, tuple[int, ...]], folder: Path) -> None:
    if values.keys() != shapes.keys():
        raise BadModel(
            say(
                "The adapter in {folder} holds {values} of {name} whole, which has {shapes} here: it belongs to "
                "another model.",
                folder=folder,
                values=join_and(sorted(values)),
                name=name[:100],
                shapes=join_and(sorted(shapes)),
            )
        )
    for tensor_name, shape in shapes.items():
        saved = tuple(values[tensor_name].shape)
        if saved != shape:
            raise BadModel(
                say(
                    "The adapter in {folder} holds {name} whole with the dimensions {found}, which are {expected} "
                    "here: it belongs to another model, or its vocabulary was resized. Merge it in PEFT "
                    "(merge_and_unload), and give the result as the model.",
                    folder=folder,
                    name=name[:100],
                    found=list(saved),
                    expected=list(shape),
                )
            )


def _dense_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shapes of a module's own tensors; of packed weights those of the matrix that they stand for."""
    shapes = {name: tuple(value.shape) for name, value in _own_tensors(module).items()}
    if not is_packed(module):
        return shapes
    bias = {"bias": shapes["bias"]} if "bias" in shapes else {}
    if is_embedding(module):
        return {"weight": (module.num_embeddings, module.dims)}
    inputs, outputs = linear_dims(module)
    return {"weight": (outputs, inputs), **bias}


def _dense_twin(module: nn.Module) -> nn.Module:
    """A module of the same kind whose weights are not packed, to compute with other weights."""
    if not is_packed(module):
        return copy.copy(module)
    return nn.Embedding(1, 1) if is_embedding(module) else nn.Linear(1, 1, bias="bias" in module)


def _compute_dtype(module: nn.Module) -> mx.Dtype:
    """The precision of what a module gives: that of its weights, or of packed ones' scales."""
    tensors = _own_tensors(module)
    value = tensors.get("scales", tensors.get("weight"))
    return value.dtype if value is not None and mx.issubdtype(value.dtype, mx.floating) else mx.bfloat16


def _own_tensors(module: nn.Module) -> dict[str, mx.array]:
    """A module's own parameters, without those of modules in it."""
    return {name: v for name, v in module.items() if isinstance(v, mx.array) and not name.startswith("_")}
