"""Gradient checkpointing: what a block computes is let go, and computed again when its gradient is made.

A step then keeps one input a block where it kept everything between (Chen et al., arXiv:1604.06174), for about a
third more time. It changes this model alone, not its class, and no parameter's name; the numbers stay the same,
dropout included.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.model.patch import patch_module, restore_module


def checkpoint_blocks(model: Any) -> int:
    """Let every block of a model (`model.layers`) compute twice instead of keeping; returns how many there are.

    It acts while the model trains (`model.train()`). Call it when the adapter is attached; twice is as good as once.
    """
    for block in model.layers:
        if not isinstance(block, _Checkpointed):
            patch_module(block, _Checkpointed, _checkpointed(type(block), _draws(block)))
    return len(model.layers)


def restore_blocks(model: Any) -> None:
    """Undo checkpoint_blocks()."""
    for block in model.layers:
        if isinstance(block, _Checkpointed):
            restore_module(block)


class _Checkpointed(nn.Module):
    """Marks a block that computes twice."""


def _draws(block: nn.Module) -> bool:
    """Whether a block leaves out something by chance."""
    return any(isinstance(m, nn.Dropout) and m._p_1 < 1 for _, m in block.named_modules())


def _checkpointed(kind: type[nn.Module], draws: bool) -> Callable[..., Any]:
    """What calling a block of `kind` does then: the same, and again where the gradient needs it."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # What is trained comes in as an argument, or it would get no gradient.
        def again(trained: Any, *args: Any, **kwargs: Any) -> Any:
            kept = self.trainable_parameters()
            self.update(trained)
            try:
                return kind.__call__(self, *args, **kwargs)
            finally:
                self.update(kept)

        if not self.training:
            return kind.__call__(self, *args, **kwargs)
        if not draws:  # without chance a whole step can be compiled, which the random state below does not survive
            return mx.checkpoint(again)(self.trainable_parameters(), *args, **kwargs)
        found, *used = mx.checkpoint(_repeating(again))(self.trainable_parameters(), *args, **kwargs)
        if used:
            mx.random.state[0][:] = mx.stop_gradient(used[0])
        return found

    return call


def _repeating(work: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """(what `work` gives, the random state after it where it drew), from the present random state at every call.

    Computed twice, dropout must leave out the same.
    """
    state = mx.stop_gradient(mx.random.state[0])

    def again(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        key = mx.random.state[0]
        outside = mx.array(key)
        key[:] = state
        try:
            found = work(*args, **kwargs)
            used = mx.random.state[0]
            return (found,) if used is key else (found, mx.array(used))
        finally:
            mx.random.state[0][:] = outside

    return again
