"""Models with fewer layers than the pattern in which their kinds of attention take turns.

mlx-lm's Gemma 3, Cohere 2, Qwen 3 Next and Qwen 3.5 take the mask of the first layer with full attention from that
layer's cache, and fail where there is no such layer: in a small model made to try something.
"""

from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.model.patch import patch_module

# Bodies that index a list of caches by the length of their pattern.
INDEXING = (("mlx_lm.models.gemma3_text", "Gemma3Model"), ("mlx_lm.models.cohere2", "CohereModel"))


class _FewLayers(nn.Module):
    """Marks patched modules."""


def allow_few_layers(model: nn.Module) -> None:
    """Let a model of these families compute although it has no layer with full attention."""
    for body in model.modules():
        if (type(body).__module__, type(body).__name__) in INDEXING:
            pattern = int(body.args.sliding_window_pattern)
            if len(body.layers) < pattern:
                patch_module(body, _FewLayers, _padded_call(type(body), pattern))
        elif isinstance(getattr(body, "fa_idx", None), int) and body.fa_idx >= len(body.layers):
            body.fa_idx = None


def _padded_call(cls: type[nn.Module], pattern: int) -> Any:
    def call(self: Any, inputs: mx.array, cache: Any = None, *args: Any, **kwargs: Any) -> mx.array:
        caches = [None] * len(self.layers) if cache is None else list(cache)
        missing: list[None] = [None] * (pattern - len(caches))  # the mask made from it is nobody's
        output: mx.array = cls.__call__(self, inputs, caches + missing, *args, **kwargs)
        return output

    return call
