"""Gradient checkpointing: the activations of a block are not kept, and computed again for its gradient.

A step then keeps one input for each block instead of everything inside it (Chen et al., arXiv:1604.06174), for about a
third more time. It changes this model alone, not its class, and no parameter's name; the numbers stay the same,
dropout included.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.model.patch import patch_module, restore_module


def checkpoint_blocks(model: Any) -> int:
    """Let every block of a model (`model.layers`) be computed again for its gradient; returns the number of blocks.

    It acts while the model trains (`model.train()`). Call it when the adapter is attached; calling it twice is the
    same as once.
    """
    for block in model.layers:
        if not isinstance(block, _Checkpointed):
            patch_module(block, _Checkpointed, _checkpointed_call(type(block), _has_dropout(block)))
    return len(model.layers)


def restore_blocks(model: Any) -> None:
    """Undo checkpoint_blocks()."""
    for block in model.layers:
        if isinstance(block, _Checkpointed):
            restore_module(block)


def is_checkpointed(block: nn.Module) -> bool:
    """Whether checkpoint_blocks() has changed this block."""
    return isinstance(block, _Checkpointed)


class _Checkpointed(nn.Module):
    """Marks a block that is computed again for its gradient."""


def _has_dropout(block: nn.Module) -> bool:
    return any(isinstance(m, nn.Dropout) and m._p_1 < 1 for _, m in block.named_modules())


def _checkpointed_call(cls: type[nn.Module], has_dropout: bool) -> Callable[..., Any]:
    """The call of a checkpointed block of class `cls`: the usual result, computed again where the gradient needs it."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # The trainable parameters are an argument, or they would get no gradient.
        def compute(trainable: Any, *args: Any, **kwargs: Any) -> Any:
            parameters = self.trainable_parameters()
            self.update(trainable)
            try:
                return cls.__call__(self, *args, **kwargs)
            finally:
                self.update(parameters)

        if not self.training:
            return cls.__call__(self, *args, **kwargs)
        if not has_dropout:  # then a whole step can be compiled, which the random state below does not survive
            return mx.checkpoint(compute)(self.trainable_parameters(), *args, **kwargs)
        output, *state = mx.checkpoint(_with_random_state(compute))(self.trainable_parameters(), *args, **kwargs)
        if state:
            mx.random.state[0][:] = mx.stop_gradient(state[0])
        return output

    return call


def _with_random_state(function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """A function that starts from the present random state at every call, so that dropout drops the same both times.

    It returns (the result of `function`,), and the random state after it as a second value where that has changed.
    """
    start = mx.stop_gradient(mx.random.state[0])

    def compute(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        key = mx.random.state[0]
        outer_state = mx.array(key)
        key[:] = start
        try:
            output = function(*args, **kwargs)
            state = mx.random.state[0]
            return (output,) if state is key else (output, mx.array(state))
        finally:
            mx.random.state[0][:] = outer_state

    return compute
