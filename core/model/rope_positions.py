"""Rotary embeddings that take a position for every token, where a model only passes on where its row starts.

A row that holds a prompt and several answers has each answer start at the prompt's end. Models hand their cache's
`offset` to their rotary embeddings unseen, so that is where the positions travel. This changes one model's
modules, not their class, and nothing while the offset is an ordinary one.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.model.patch import patch_module, restore_module


@dataclass(frozen=True)
class TokenPositions:
    """Stands for an offset. places [N, T] int32: the position of each token."""

    places: mx.array


class _PerToken(nn.Module):
    """Marks a module that takes Positions."""


def enable_token_positions(model: nn.Module) -> None:
    """Let the rotary embeddings of a model take Positions for their offset."""
    for module in model.modules():
        if not isinstance(module, _PerToken) and _takes_offset(module):
            patch_module(module, _PerToken, _per_token(type(module)))


def disable_token_positions(model: nn.Module) -> None:
    """Undo follow()."""
    for module in model.modules():
        if isinstance(module, _PerToken):
            restore_module(module)


def _takes_offset(module: nn.Module) -> bool:
    called = inspect.signature(type(module).__call__).parameters
    return "offset" in called and not module.children()


def _per_token(kind: type[nn.Module]) -> Callable[..., Any]:
    def call(self: Any, x: mx.array, offset: Any = 0, **more: Any) -> mx.array:
        if not isinstance(offset, TokenPositions):
            return kind.__call__(self, x, offset=offset, **more)
        n, heads, length, size = x.shape  # every token as a row of its own: a row may start anywhere
        apart = x.transpose(0, 2, 1, 3).reshape(n * length, heads, 1, size)
        turned = kind.__call__(self, apart, offset=offset.places.reshape(-1), **more)
        return turned.reshape(n, length, heads, size).transpose(0, 2, 1, 3)

    return call
