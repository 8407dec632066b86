"""What the parts of a step take with and without the Neural Engine: a block, its gradient, the head and its loss."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from core.ane.engine import Chunk, differentiable
from core.ane.feed import lora_layers
from core.ane.program import TAPPED, chunk_spec, linear_sizes, output_name
from core.model.lm_head import LMHead
from core.quant import is_packed

REPEATS = 5


@dataclass(frozen=True)
class PartSeconds:
    """Seconds in MLX for one text of a bucket's length, the middle one of several."""

    gradient: float  # of a block whose linears were computed elsewhere, on the CPU
    head_on_cpu: float  # the head and the loss, forward and back
    block: float  # a block forward and back where a run without the engine computes, on the GPU if there is one
    forward: float  # the same, forward alone
    head: float  # the head and the loss there, forward and back

    def to_json(self) -> dict[str, float]:
        """By names that say of what they are the seconds, for what a probe finds."""
        return {f"{name}_seconds": value for name, value in asdict(self).items()}


def part_seconds(block: nn.Module, lm_head: LMHead | None, length: int, rows: int = 1) -> PartSeconds:
    """Measure a block and the head of a model in memory; `rows` texts at once where the engine is not used.

    Without a head that is known, its seconds are 0. Nothing of the model is changed.
    """
    on_gpu = mx.metal.is_available() or mx.cuda.is_available()
    usual, cpu = mx.Device(mx.gpu if on_gpu else mx.cpu), mx.Device(mx.cpu)
    head_on_cpu = head = 0.0
    if lm_head is not None:
        with _in_float32(lm_head.layer):
            head_on_cpu = _on(cpu, lambda: head_seconds(lm_head, block.hidden_size, length, mx.float32))
        head = _on(usual, lambda: head_seconds(lm_head, block.hidden_size, length, _dtype(block)))
    return PartSeconds(
        gradient=tapped_seconds(block, length),
        head_on_cpu=head_on_cpu,
        block=block_seconds(block, length, usual, rows),
        forward=_on(usual, lambda: _forward_seconds(block, length, rows)),
        head=head,
    )


def head_seconds(lm_head: LMHead, hidden_size: int, length: int, dtype: mx.Dtype) -> float:
    """The head and the loss of a text, and their gradient to the hidden states."""
    hidden = mx.random.normal((length, hidden_size), dtype, key=mx.random.key(0))
    targets = mx.zeros(length, mx.int32)
    return _middle(lambda: mx.eval(mx.grad(lambda h: lm_head.target_logps(h, targets).sum())(hidden)))


def block_seconds(block: nn.Module, length: int, device: mx.Device, rows: int = 1) -> float:
    """A block forward and backward in MLX on a device, for one of `rows` texts."""
    return _on(device, lambda: _gradient_seconds(block, length, lambda x: block(x, "causal", None), rows)) / rows


def _forward_seconds(block: nn.Module, length: int, rows: int) -> float:
    x = mx.random.normal((rows, length, block.hidden_size), _dtype(block), key=mx.random.key(0))
    return _middle(lambda: mx.eval(block(x, "causal", None))) / rows


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


def _gradient_seconds(block: nn.Module, length: int, forward: Callable[[mx.array], mx.array], rows: int = 1) -> float:
    layers = [layer for _, _, layer in lora_layers([block])]
    flat = [array for layer in layers for array in (layer.lora_a, layer.lora_b)]
    x = mx.random.normal((rows, length, block.hidden_size), _dtype(block), key=mx.random.key(0))

    def loss(x: mx.array, flat: list[mx.array]) -> mx.array:
        for layer, a, b in zip(layers, flat[::2], flat[1::2], strict=True):
            layer.lora_a, layer.lora_b = a, b
        return forward(x).astype(mx.float32).sum()

    try:
        return _middle(lambda: mx.eval(mx.grad(loss, argnums=(0, 1))(x, flat)))
    finally:
        for layer, a, b in zip(layers, flat[::2], flat[1::2], strict=True):
            layer.lora_a, layer.lora_b = a, b


def _dtype(block: nn.Module) -> mx.Dtype:
    """What a block computes in."""
    dtype: mx.Dtype = block.input_layernorm.weight.dtype
    return dtype


def _middle(compute: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        compute()
        times.append(time.perf_counter() - began)
    return float(np.median(times))
