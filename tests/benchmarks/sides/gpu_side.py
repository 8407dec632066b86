"""Makes the model for the GPU benchmark, times the pieces of a step, or what bounding MLX's memory costs:

gpu_side.py make FOLDER | profile FOLDER LENGTH | limits
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_map
from mlx_lm.models import qwen3

from core import adapters
from core.adapters.fused_blocks import fuse_blocks
from core.data.batch.batches import Batch
from core.device.select import select
from core.model import lm_head
from core.model.gradient_checkpointing import checkpoint_blocks, restore_blocks
from core.model.log_probs import to_mlx, token_logps
from core.run import Adapter
from core.training import optimizers
from tests.benchmarks.precision import SMALL as SHAPE
from tests.benchmarks.precision import build, product_step, timed_step
from tests.benchmarks.weights import write_random

ROWS = 4


def scale_as_trained(weight: mx.array) -> mx.array:
    """As large as those of trained models, in bfloat16."""
    return (weight if weight.ndim == 1 else 0.02 * weight / weight.std()).astype(mx.bfloat16)


def random_model(shape: dict[str, Any]) -> nn.Module:
    mx.random.seed(1)
    model = qwen3.Model(qwen3.ModelArgs.from_dict(shape))
    model.update(tree_map(scale_as_trained, model.parameters()))
    mx.eval(model.parameters())
    return model


def make(folder: Path, shape: dict[str, Any]) -> None:
    write_random(folder / "model", shape, scale_as_trained)


def timed(name: str, work: Callable[[], Any], repeat: int = 5) -> None:
    """Print the name, the middle of the milliseconds, and the peak in GB."""
    for _ in range(2):
        mx.eval(work())
    mx.clear_cache()
    mx.reset_peak_memory()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        mx.eval(work())
        mx.synchronize()
        seconds.append(time.perf_counter() - start)
    print(f"{name}\t{statistics.median(seconds) * 1000:.1f}\t{mx.get_peak_memory() / 1e9:.2f}", flush=True)


def profile(shape: dict[str, Any], length: int) -> None:
    model: Any = random_model(shape)
    products(shape, length)
    adapters.attach(model, Adapter(rank=16))
    mx.eval(model.parameters())
    fuse_blocks(model)
    model.train()
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 2000, (ROWS, length + 1)).astype(np.int32)
    batch = to_mlx(Batch(tokens, np.ones((ROWS, length), np.float32), (length,) * ROWS, tuple(range(ROWS))))
    output_head, _ = lm_head.find_lm_head(model, mx.bfloat16)
    assert output_head is not None
    inputs, targets = batch.tokens[:, :-1], batch.tokens[:, 1:].reshape(-1)
    hidden = mx.random.normal((ROWS * length, shape["hidden_size"])).astype(mx.bfloat16)
    mx.eval(hidden)
    step = nn.value_and_grad(model, lambda: -token_logps(model, batch, output_head).mean())
    body = nn.value_and_grad(model, lambda: output_head.body(inputs).astype(mx.float32).mean())
    loss = mx.value_and_grad(lambda h: -output_head.target_logps(h, targets).mean())
    timed("blocks, forward", lambda: output_head.body(inputs))
    timed("blocks, forward and back", body)
    timed("last layer and loss, forward and back", lambda: loss(hidden))
    timed("forward and back", step)
    optimizer = optimizers.build("adamw", 0.0, False, None)
    optimizer.learning_rate = 1e-5
    gradients = step()[1]
    mx.eval(gradients)

    def update() -> Any:
        optimizer.update(model, optimizers.clip(gradients, optimizers.global_norm(gradients), 1.0))
        return model.trainable_parameters(), optimizer.state

    timed("clip and AdamW", update)
    start = time.perf_counter()
    for _ in range(3):
        step()
    print(
        f"building the graph, in Python (beside the GPU)\t{(time.perf_counter() - start) / 3 * 1000:.1f}\t", flush=True
    )
    checkpoint_blocks(model)
    timed("forward and back, checkpointing", step)
    restore_blocks(model)
    with adapters.disable(model):
        timed("blocks without adapters, forward", lambda: output_head.body(inputs))


def products(shape: dict[str, Any], length: int) -> None:
    """The matrix products of a step alone: each forward and once back, as a frozen base needs."""
    d, f, v = shape["hidden_size"], shape["intermediate_size"], shape["vocab_size"]
    q, k = (shape[n] * shape["head_dim"] for n in ("num_attention_heads", "num_key_value_heads"))
    sizes = [(d, q), (d, k), (d, k), (q, d), (d, f), (d, f), (f, d)]
    x = {n: mx.random.normal((ROWS * length, n)).astype(mx.bfloat16) for n in {a for s in sizes for a in s} | {d}}
    w = {s: mx.random.normal(s).astype(mx.bfloat16) for s in {*sizes, (d, v)}}
    mx.eval(x, w)

    def multiply_all() -> list[mx.array]:
        sums = []
        for _ in range(shape["num_hidden_layers"]):
            sums += [(x[a] @ w[a, b]).sum() for a, b in sizes] + [(x[b] @ w[a, b].T).sum() for a, b in sizes]
        return sums

    timed("matrix products of the blocks alone (with sums of what they give)", multiply_all)


def limits(rows: int = ROWS, tokens: int = 1024) -> None:
    """Print (limit in GB, checkpointing, median and best milliseconds, peak in GB) of the product's step."""
    model, _ = build(SHAPE, "none")
    token_ids = np.random.default_rng(0).integers(0, 500, (rows, tokens + 1)).astype(np.int32)
    batch = Batch(token_ids, np.ones((rows, tokens), np.float32), (tokens + 1,) * rows, tuple(range(rows)))
    default_limit = mx.get_memory_limit()
    mx.set_cache_limit(default_limit // 4)
    for checkpointing, bounds in ((False, (11, 10, 9.5, 9)), (True, (6, 5, 4, 3.5))):
        if checkpointing:
            checkpoint_blocks(model)
        train_step = product_step(model)
        model.train()
        for gigabytes in (default_limit / 1e9, *bounds):
            mx.set_memory_limit(int(gigabytes * 1e9))
            milliseconds = []
            for n in range(14):
                if n == 6:
                    mx.reset_peak_memory()
                milliseconds.append(timed_step(train_step, batch))
            checkpointing_label, peak = "on" if checkpointing else "off", mx.get_peak_memory() / 1e9
            print(
                f"{gigabytes:.1f}\t{checkpointing_label}\t{statistics.median(milliseconds[6:]):.1f}\t{min(milliseconds[6:]):.1f}\t{peak:.2f}",
                flush=True,
            )
    mx.set_memory_limit(default_limit)


def main() -> None:
    command = sys.argv[1]
    select("auto")
    if command == "limits":
        limits()
        return
    folder = Path(sys.argv[2])
    shape = json.loads((folder / "shape.json").read_text(encoding="utf-8"))
    if command == "make":
        make(folder, shape)
    else:
        profile(shape, int(sys.argv[3]))


if __name__ == "__main__":
    main()
