"""Before the first step: do gradients come through the engine, and are they MLX's?

A function without a derivative of its own gives zeros and says nothing; a run would then learn nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import mlx.core as mx

from core.ane.engine import Chunk, Engine, in_mlx
from core.ane.feed import lora_layers
from core.text.sentence import say

TOKENS = 16  # of the made-up text
MIN_COSINE = 0.99  # between a tensor's gradient through the engine and MLX's


def check_gradients(engine: Engine) -> float:
    """The smallest cosine of a tensor's gradient with MLX's, over all adapters of an installed engine.

    Switches the engine off where a gradient is zero or points elsewhere. No parameter is changed.
    """
    worst = 1.0
    for chunk in engine.chunks:
        if not chunk.has_gradient or engine.failure:
            continue
        x = mx.random.normal((1, TOKENS, chunk.spec.shapes[0].hidden), key=mx.random.key(0))
        weights = mx.random.normal(x.shape, key=mx.random.key(1))
        with _nonzero_b(chunk):
            names = list(chunk.factors)
            got = _gradient(chunk, x, weights, through_engine=True)
            want = _gradient(chunk, x, weights, through_engine=False)
        for index, (a, b) in enumerate(zip(got, want, strict=True)):
            cosine = float((a * b).sum() / mx.maximum(mx.sqrt((a * a).sum() * (b * b).sum()), 1e-30))
            worst = min(worst, cosine)
            if not cosine >= MIN_COSINE and not engine.failure:
                engine.fail(
                    say(
                        "the gradient of {names} is not MLX's (cosine {cosine:.3f})",
                        names=names[index // 2],
                        cosine=cosine,
                    )
                )
    return worst


def _gradient(chunk: Chunk, x: mx.array, weights: mx.array, through_engine: bool) -> list[mx.array]:
    layers = [layer for _, _, layer in lora_layers(chunk.blocks)]
    flat = [array for layer in layers for array in (layer.lora_a, layer.lora_b)]

    def loss(flat: list[mx.array]) -> mx.array:
        y = x
        for layer, a, b in zip(layers, flat[::2], flat[1::2], strict=True):
            layer.lora_a, layer.lora_b = a, b
        if through_engine:
            for block in chunk.blocks:
                y = block(y, "causal", None)
        else:
            y = in_mlx(chunk, y)
        return (y * weights).sum()

    try:
        found = mx.grad(loss)(flat)
        mx.eval(found)
        return [array.astype(mx.float32) for array in found]
    finally:
        for layer, a, b in zip(layers, flat[::2], flat[1::2], strict=True):
            layer.lora_a, layer.lora_b = a, b


@contextmanager
def _nonzero_b(chunk: Chunk) -> Iterator[None]:
    """Within it no B is zero, as it is at the start of a run: A would rightly have no gradient."""
    layers = [layer for _, _, layer in lora_layers(chunk.blocks)]
    before = [layer.lora_b for layer in layers]
    for index, layer in enumerate(layers):
        layer.lora_b = 0.02 * mx.random.normal(layer.lora_b.shape, layer.lora_b.dtype, key=mx.random.key(index))
    try:
        yield
    finally:
        for layer, b in zip(layers, before, strict=True):
            layer.lora_b = b
