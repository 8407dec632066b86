"""Measures steps on one GPU in this process: gpu_steps.py NAMES [--small], names separated by semicolons."""

import argparse
import gc
import statistics
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as opt
import numpy as np

from core.data.batch.batches import Batch
from core.device.select import select
from core.model.gradient_checkpointing import checkpoint_blocks
from core.model.kernels.check import unavailable_reason
from tests.benchmarks import precision

PRODUCT, PRODUCT_CHECKPOINTING, PEER = "product", "product, checkpointing", "mlx-lm"
BEFORE = "own blocks"  # the product without fuse_blocks()
LARGE = {"7 B": "none", "7 B, NF4": "nf4"}  # the base's precision
WARM, STEPS = 4, 9


def config(small: bool) -> dict[str, Any]:
    return {**precision.SHAPE, **(precision.TINY if small else precision.SMALL)}


def product(name: str, small: bool, tokens: np.ndarray) -> Callable[[], Any]:
    """The product's own step."""
    shape = {**precision.SHAPE, **precision.LARGE} if name in LARGE and not small else config(small)
    model, _ = precision.build(shape, LARGE.get(name, "none"))
    if name == PRODUCT_CHECKPOINTING:
        checkpoint_blocks(model)
    step = precision.product_step(model, fused=name != BEFORE)
    print(f"{name}: {fused_state(model)}", flush=True)
    rows, length = tokens.shape[0], tokens.shape[1] - 1
    batch = Batch(tokens, np.ones((rows, length), np.float32), (length + 1,) * rows, tuple(range(rows)))
    model.train()

    def work() -> list[Any]:
        value, _, gradient = step.gradient(batch)
        mx.async_eval(gradient, value)
        return [value, step.optimizer_step(gradient, step.weight(batch), 1e-4), step.state]

    return work


def fused_state(model: Any) -> str:
    """Whether the blocks of a model are computed in few pieces, with what decides it."""
    layers, device = model.model.layers, mx.default_device()
    fused = model.model.get("fused") or getattr(model.model, "fused", None)
    current = sum(block.is_current for block in fused.blocks) if fused else 0
    kernels = unavailable_reason() or "used"
    return f"{current} of {len(layers)} blocks fused; {device}; kernels: {kernels}"


def peer(small: bool, tokens: np.ndarray) -> Callable[[], Any]:
    """mlx-lm's own loss and adapters in a step compiled as its trainer does."""
    from mlx_lm.models import qwen3
    from mlx_lm.tuner.trainer import default_loss
    from mlx_lm.tuner.utils import linear_to_lora_layers

    mx.random.seed(0)
    model = qwen3.Model(qwen3.ModelArgs.from_dict(config(small)))
    model.set_dtype(mx.bfloat16)
    model.freeze()
    keys = [f"self_attn.{n}_proj" for n in "qkvo"] + [f"mlp.{n}_proj" for n in ("gate", "up", "down")]
    linear_to_lora_layers(model, len(model.layers), {"rank": 16, "scale": 2.0, "dropout": 0.0, "keys": keys})
    mx.eval(model.parameters())
    model.train()
    optimizer = opt.AdamW(1e-4)
    loss_and_gradient = nn.value_and_grad(model, default_loss)
    state = [model.state, optimizer.state, mx.random.state]
    batch = mx.array(tokens), mx.array([[0, tokens.shape[1]]] * len(tokens))

    @partial(mx.compile, inputs=state, outputs=state)
    def step(tokens: mx.array, lengths: mx.array) -> Any:
        (value, count), gradient = loss_and_gradient(model, tokens, lengths)
        optimizer.update(model, gradient)
        return value, count

    return lambda: [step(*batch), state]


def timed(work: Callable[[], Any], steps: int) -> tuple[list[float], list[float]]:
    """(seconds of each step, seconds of each until all its work was handed to the GPU)."""
    seconds, submitted = [], []
    for _ in range(steps):
        start = time.perf_counter()
        outputs = work()
        mx.async_eval(outputs)
        submitted.append(time.perf_counter() - start)
        mx.eval(outputs)
        mx.synchronize()
        seconds.append(time.perf_counter() - start)
        del outputs
    return seconds, submitted


def measure_step(name: str, small: bool, batch: tuple[int, int], steps: int) -> None:
    """Print one step's line."""
    rows, length = batch
    drawn = np.random.default_rng(0).integers(0, 500, (rows, length + 1)).astype(np.int32)
    work, tokens = peer(small, drawn) if name == PEER else product(name, small, drawn), rows * length
    start = time.perf_counter()
    timed(work, WARM)
    warm = time.perf_counter() - start
    mx.clear_cache()
    timed(work, 1)
    mx.reset_peak_memory()
    seconds, submitted = timed(work, steps)
    peak = mx.get_peak_memory()
    start = time.perf_counter()
    for _ in range(steps):  # as a run does: the next step is handed over while one is computed
        outputs = work()
        mx.async_eval(outputs)
    mx.eval(outputs)
    mx.synchronize()
    flowing = (time.perf_counter() - start) / steps
    old_limit = mx.set_memory_limit(1)
    mx.reset_peak_memory()
    timed(work, 1)
    need = mx.get_peak_memory()
    mx.set_memory_limit(int(1.2 * need))
    mx.clear_cache()
    timed(work, 2)
    mx.reset_peak_memory()
    bounded, _ = timed(work, steps)
    bounded_peak = mx.get_peak_memory()
    mx.set_memory_limit(old_limit)
    median, loss = statistics.median(seconds), float(outputs[0][0] if name == PEER else outputs[0])
    print(
        f"step {name}: {1000 * median:.1f} ms (best {1000 * min(seconds):.1f}), {tokens / median:,.0f} tokens/s; "
        f"handed over after {1000 * statistics.median(submitted):.1f} ms; in a row {1000 * flowing:.1f} ms; peak "
        f"{peak / 1e9:.2f} GB, need {need / 1e9:.2f}; bounded by 1.2 of it {1000 * statistics.median(bounded):.1f} ms, "
        f"{bounded_peak / 1e9:.2f} GB; warm-up {warm:.1f} s; loss {loss:.4f}",
        flush=True,
    )


def measure_steps(names: list[str], small: bool, batch: tuple[int, int], steps: int) -> None:
    """Print a line for each step; "begin" lines tell the caller which was at work if this process ends."""
    for name in names:
        print(f"begin {name}", flush=True)
        try:
            measure_step(name, small, batch, steps)
        except Exception:  # the others are still wanted
            print(f"step {name}: FAILED\n{traceback.format_exc()}", flush=True)
        gc.collect()
        mx.clear_cache()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=STEPS, help="steps that are timed; default: 9")
    args = parser.parse_args()
    select("auto")
    measure_steps(args.names.split(";"), args.small, (args.rows, args.length), 1 if args.small else args.repeat)


if __name__ == "__main__":
    main()
