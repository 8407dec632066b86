"""Rotary embeddings that take a position for every token, where a model only passes on the offset of each row.

In a row that holds a prompt and several answers, each answer starts at the end of the prompt. Models hand the `offset`
of their cache to their rotary embeddings unread, so the positions travel there. This changes the modules of one model,
not their class, and has no effect while the offset is an ordinary one.
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
    """Takes the place of an offset. places [N, T] int32: the position of each token."""

    places: mx.array


class _PerToken(nn.Module):
    """Marks a module that takes TokenPositions."""


def enable_token_positions(model: nn.Module) -> None:
    """Let the rotary embeddings of a model take TokenPositions as their offset."""
    for module in model.modules():
        if not isinstance(module, _PerToken) and _takes_offset(module):
            patch_module(module, _PerToken, _per_token_call(type(module)))


def disable_token_positions(model: nn.Module) -> None:
    """Undo enable_token_positions()."""
    for module in model.modules():
        if isinstance(module, _PerToken):
            restore_module(module)


def _takes_offset(module: nn.Module) -> bool:
    parameters = inspect.signature(type(module).__call__).parameters
    return "offset" in parameters and not module.children()


def _per_token_call(cls: type[nn.Module]) -> Callable[..., Any]:
    def call(self: Any, x: mx.array, offset: Any = 0, **kwargs: Any) -> mx.array:
        if not isinstance(offset, TokenPositions):
            return cls.__call__(self, x, offset=offset, **kwargs)
        n, heads, length, size = x.shape  # every token as a row of its own: each row has its own offset
        tokens = x.transpose(0, 2, 1, 3).reshape(n * length, heads, 1, size)
        rotated = cls.__call__(self, tokens, offset=offset.places.reshape(-1), **kwargs)
        return rotated.reshape(n, length, heads, size).transpose(0, 2, 1, 3)

    return call
