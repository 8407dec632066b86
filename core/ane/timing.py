"""What a block takes with and without the Neural Engine: forward, and back to its input and its adapters."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from core.ane.engine import Chunk, differentiable
from core.ane.feed import lora_layers
from core.ane.program import TAPPED, chunk_spec, linear_sizes, output_name
from core.quant import is_packed

REPEATS = 5


def block_seconds(block: nn.Module, length: int, device: mx.Device) -> float:
    """A block forward and backward in MLX on a device, the middle one of several."""
    return _on(device, lambda: _gradient_seconds(block, length, lambda x: block(x, "causal", None)))


def tapped_seconds(block: nn.Module, length: int) -> float:
    """The gradient of a block whose linears were computed elsewhere, in MLX on the CPU.

    In float32, as a model is loaded for a CPU: how quick 16 bit are there, nobody says.
    """
    spec = chunk_spec([block], length)
    chunk = Chunk([block], spec, _NoRunner(), has_gradient=True)
    shape = spec.shapes[0]
    sizes = {name: linear_sizes(shape, name)[1] for name in TAPPED} | {"out": shape.hidden}
    outputs = {output_name(0, name): mx.zeros((1, length, size), mx.float16) for name, size in sizes.items()}
    with _in_float32(block):
        return _on(
            mx.Device(mx.cpu), lambda: _gradient_seconds(block, length, lambda x: differentiable(chunk, x, outputs))
        )


@contextmanager
def _in_float32(block: nn.Module) -> Iterator[None]:
    """Within it the weights that are not packed are in float32."""
    packed = tuple(name for name, m in block.named_modules() if is_packed(m))
    weights = [(k, v) for k, v in tree_flatten(block.parameters()) if k.rpartition(".")[0] not in packed]
    floating = [(name, value) for name, value in weights if mx.issubdtype(value.dtype, mx.floating)]
    block.update(tree_unflatten([(name, value.astype(mx.float32)) for name, value in floating]))
    try:
        yield
    finally:
        block.update(tree_unflatten(floating))


class _NoRunner:
    def run(self, feed: Any) -> Any:
        raise AssertionError("only the gradient is measured")


def _on(device: mx.Device, measure: Callable[[], float]) -> float:
    usual = mx.default_device()
    mx.set_default_device(device)
    try:
        return measure()
    finally:
        mx.set_default_device(usual)


def _gradient_seconds(block: nn.Module, length: int, forward: Callable[[mx.array], mx.array]) -> float:
    layers = [layer for _, _, layer in lora_layers([block])]
    flat = [array for layer in layers for array in (layer.lora_a, layer.lora_b)]
    x = mx.random.normal((1, length, block.hidden_size), key=mx.random.key(0))

    def loss(x: mx.array, flat: list[mx.array]) -> mx.array:
        for layer, a, b in zip(layers, flat[::2], flat[1::2], strict=True):
            layer.lora_a, layer.lora_b = a, b
        return forward(x).astype(mx.float32).sum()

    times = []
    try:
        for _ in range(REPEATS):
            began = time.perf_counter()
            mx.eval(mx.grad(loss, argnums=(0, 1))(x, flat))
            times.append(time.perf_counter() - began)
    finally:
        for layer, a, b in zip(layers, flat[::2], flat[1::2], strict=True):
            layer.lora_a, layer.lora_b = a, b
    return float(np.median(times))
