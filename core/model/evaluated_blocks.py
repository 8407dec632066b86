"""Blocks that are evaluated one by one: a GPU gets the work of a step in short pieces, and has a pause between them.

Forward each block is done before the next begins, and so is its gradient on the way back, for which it is computed
again as under gradient checkpointing. The numbers stay the same. It takes longer: a GPU stands still while the next
piece is prepared.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core.model.gradient_checkpointing import restore_blocks
from core.model.patch import patch_module


class _Evaluated(nn.Module):
    """Marks a module that is evaluated by itself."""


def evaluate_blocks(model: Any) -> int:
    """Let every block of a model (`model.layers`) be evaluated by itself; returns the number of blocks.

    Takes the place of checkpoint_blocks(). Calling it twice is the same as once.
    """
    restore_blocks(model)
    for block in model.layers:
        if not isinstance(block, _Evaluated):
            patch_module(block, _Evaluated, _evaluated_call(type(block)))
    return len(model.layers)


def split_tokens(model: Any, tokens: int) -> bool:
    """Let the feed-forward part (`mlp`) of every block take so many tokens at a time, each piece evaluated by itself.

    Returns whether there is such a part. May be called again with fewer tokens.
    """
    parts = [block.mlp for block in model.layers if isinstance(getattr(block, "mlp", None), nn.Module)]
    for part in parts:
        if not isinstance(part, _Evaluated):
            patch_module(part, _Evaluated, _piecewise_call(type(part)))
        part.piece_tokens = tokens
    return bool(parts)


def _evaluated_call(cls: type[nn.Module]) -> Callable[..., Any]:
    def call(self: Any, x: mx.array, *args: Any, **kwargs: Any) -> Any:
        # Some blocks take more than one array with a row for each token; a gradient may go to any of them.
        indices = [i for i, value in enumerate(args) if _has_tokens_of(value, x)]

        def compute(x: mx.array, *arrays: mx.array) -> Any:
            given = list(args)
            for i, value in zip(indices, arrays, strict=True):
                given[i] = value
            return cls.__call__(self, x, *given, **kwargs)

        return _evaluate(self, compute, [x, *(args[i] for i in indices)])

    return call


def _piecewise_call(cls: type[nn.Module]) -> Callable[..., Any]:
    def call(self: Any, x: mx.array) -> Any:
        size = self.piece_tokens
        pieces = [x[:, i : i + size] for i in range(0, x.shape[1], size)]
        return mx.concatenate([_evaluate(self, lambda y: cls.__call__(self, y), [piece]) for piece in pieces], axis=1)

    return call


def _has_tokens_of(value: Any, x: mx.array) -> bool:
    return isinstance(value, mx.array) and value.ndim == x.ndim and value.shape[:2] == x.shape[:2]


def _evaluate(module: Any, compute: Callable[..., Any], arrays: list[mx.array]) -> Any:
    """compute(*arrays), with its gradient to these and to what is trained in the module; each is evaluated at once."""
    trained = tree_flatten(module.trainable_parameters())
    names, count = [name for name, _ in trained], len(arrays)
    start = mx.array(mx.random.state[0])

    def apply(*primals: mx.array) -> Any:
        original = module.trainable_parameters()
        module.update(tree_unflatten(list(zip(names, primals[count:], strict=True))))
        try:
            return compute(*primals[:count])
        finally:
            module.update(original)

    @mx.custom_function
    def evaluated(*primals: mx.array) -> Any:
        output = apply(*primals)
        mx.eval(output)
        return output

    @evaluated.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, ...]:
        mx.eval(cotangents)  # what lies behind this module is a piece of its own
        key = mx.random.state[0]
        outer = mx.array(key)
        key[:] = start  # what dropout dropped is dropped again
        try:
            cotangents = [cotangents] if isinstance(cotangents, mx.array) else list(cotangents)
            gradients = mx.vjp(apply, list(primals), cotangents)[1]
            mx.eval(gradients)
        finally:
            key[:] = outer
        return tuple(gradients)

    return evaluated(*arrays, *(tensor for _, tensor in trained))
