"""Gemma 3's embeddings times the root of their width, in every precision as transformers multiplies them.

mlx-lm rounds the root to bfloat16 whatever the model computes in. In float32 that is up to 0.4 % from the root that
transformers takes there, and losses differ in the fourth digit. In bfloat16 both are the same.
"""

from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.model.patch import patch_module

MODULE, BODY = "mlx_lm.models.gemma3_text", "Gemma3Model"


class _ExactScale(nn.Module):
    """Marks patched modules."""


def scale_exactly(model: nn.Module) -> None:
    """Let the Gemma 3 in a model, if there is one, multiply its embeddings as transformers does."""
    bodies = [m for m in model.modules() if type(m).__module__ == MODULE and type(m).__name__ == BODY]
    for body in bodies:
        patch_module(body, _ExactScale, _exact_call(type(body)))


def _exact_call(cls: type[nn.Module]) -> Any:
    def call(self: Any, inputs: mx.array, cache: Any = None, input_embeddings: mx.array | None = None) -> mx.array:
        h = self.embed_tokens(inputs) if input_embeddings is None else input_embeddings
        root = mx.array(self.args.hidden_size**0.5, mx.float32)
        # What remains to be multiplied with besides mlx-lm's own factor.
        rest = root.astype(h.dtype).astype(mx.float32) / root.astype(mx.bfloat16).astype(mx.float32)
        output: mx.array = cls.__call__(self, inputs, cache, (h.astype(mx.float32) * rest).astype(h.dtype))
        return output

    return call
