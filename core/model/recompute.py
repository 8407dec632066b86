"""Gradient checkpointing: what a block computes is let go, and computed again when its gradient is made.

A step then keeps one input a block where it kept everything between (Chen et al., arXiv:1604.06174), for about a
third more time. It changes this model alone, not its class, and no parameter's name; the numbers stay the same,
dropout included.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.model.swap import swap, swap_back


def checkpoint_blocks(model: Any) -> int:
    """Let every block of a model (`model.layers`) compute twice instead of keeping; returns how many there are.

    It acts while the model trains (`model.train()`). Call it when the adapter is attached; twice is as good as once.
    """
    for block in model.layers:
        if not isinstance(block, _Checkpointed):
            swap(block, _Checkpointed, _checkpointed(type(block)))
    return len(model.layers)


def keep_blocks(model: Any) -> None:
    """Undo checkpoint_blocks()."""
    for block in model.layers:
        if isinstance(block, _Checkpointed):
            swap_back(block)


class _Checkpointed(nn.Module):
    """Marks a block that computes twice."""


def _checkpointed(kind: type[nn.Module]) -> Callable[..., Any]:
    """What calling a block of `kind` does then: the same, and again where the gradient needs it."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.training:
            return kind.__call__(self, *args, **kwargs)

        # Computed twice, dropout must leave out the same: both times start from this random state.
        state = mx.stop_gradient(mx.random.state[0])

        # What is trained comes in as an argument, or it would get no gradient.
        def again(trained: Any, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
            kept, key = self.trainable_parameters(), mx.random.state[0]
            outside = mx.array(key)
            self.update(trained)
            key[:] = state
            try:
                found = kind.__call__(self, *args, **kwargs)
                used = mx.random.state[0]
                return (found,) if used is key else (found, mx.array(used))
            finally:
                self.update(kept)
                mx.random.state[0][:] = outside

        found, *used = mx.checkpoint(again)(self.trainable_parameters(), *args, **kwargs)
        if used:
            mx.random.state[0][:] = mx.stop_gradient(used[0])
        return found

    return call
