"""While a model writes answers on a processor, a layer with a LoRA adapter is one product in place of three.

A token at a time, the small products of the adapters cost as much as those of the base. The merged matrix lies as
[in, out], which the processor's BLAS packs faster than [out, in]. Only float32 weights are merged: in 16 bit the sum
would round the adapter away, and the log-probabilities would not be those of the policy.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import mlx.core as mx
import mlx.nn as nn

from core.adapters.lora import LoRALinear, MergedMatrix
from core.device.process_memory import has_room_for_copy


@contextmanager
def merged_weights(model: nn.Module) -> Iterator[None]:
    """Within it the layers of `model` that can be merged are; their weights must not change until it is left."""
    layers = [m for m in model.modules() if _can_merge(m)] if mx.default_device().type == mx.cpu else []
    if not has_room_for_copy(sum(layer.linear.weight.nbytes for layer in layers)):
        layers = []
    try:
        for layer in layers:
            layer.merged = MergedMatrix(
                mx.contiguous(layer.linear.weight.T + layer.scale * layer.lora_a @ layer.lora_b)
            )
            mx.eval(layer.merged.matrix)
        yield
    finally:
        for layer in layers:
            layer.merged = None


def _can_merge(module: nn.Module) -> bool:
    return (
        type(module) is LoRALinear
        and type(module.linear) is nn.Linear
        and "bias" not in module.linear
        and module.linear.weight.dtype == mx.float32
    )
