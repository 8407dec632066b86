"""What the products of a step alone take, what the step takes, and where the rest goes:

python -m tests.benchmarks.roofline [--rounds 9] [--small]

A training step and a decoding step of the product's own code on random weights: on a CPU the shape of peers.py in
float32, on a GPU Qwen3-0.6B's in bfloat16, LoRA of rank 16 on all linear layers. The products are those that the step
needs, each with operands of its own, with nothing between them. --small tries the script. The figures go to
results/roofline.md, those of a GPU into a part of their own.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.models import qwen3

from core import adapters
from core.adapters.fused_blocks import fuse_blocks, kept_factors
from core.adapters.merged_weights import merged_weights
from core.data.batch.batches import Batch
from core.device import openblas
from core.device.machine import machine
from core.device.select import select
from core.model.fast_swiglu import install_fast_swiglu
from core.model.token_cache import RECENT
from core.rollouts.batch_generate import prefill
from core.rollouts.numpy_decoder import make_decoder
from core.rollouts.product_threads import product_threads
from core.rollouts.row_cache import RowCache
from core.rollouts.sampling import SamplingParams, sample_in_numpy, sample_tokens
from core.rollouts.token_step import make_token_step
from core.run import Adapter
from tests.benchmarks.gpu import LARGE, SMALL
from tests.benchmarks.page import put_part
from tests.benchmarks.peers import SHAPE
from tests.benchmarks.precision import product_step

RESULTS = Path(__file__).parent / "results" / "roofline.md"
RANK = 16


@dataclass(frozen=True)
class Scene:
    """What is computed: rows of so many tokens in training; so many answers, each with so many tokens before."""

    shape: dict[str, Any]
    dtype: mx.Dtype
    rows: int
    tokens: int
    answers: int
    before: int


@dataclass(frozen=True)
class Time:
    """Milliseconds, the least of the rounds: of the clock, and of all processors."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--small", action="store_true", help="a tiny shape")
    args = parser.parse_args()
    device = select("auto")
    on_gpu = mx.default_device().type == mx.gpu
    if args.small:
        scene = Scene(SMALL, mx.float32, 2, 64, 4, 32)
    else:
        scene = Scene(LARGE, mx.bfloat16, 4, 1024, 64, 128) if on_gpu else Scene(SHAPE, mx.float32, 4, 256, 8, 64)
    model = build(scene)
    text = [
        head(scene, device["device"]),
        *training(model, scene, args.rounds),
        "",
        *decoding(model, scene, args.rounds),
    ]
    if on_gpu:
        text += ["", *decoding(model, replace(scene, before=8 * scene.before), args.rounds)]
    print("\n".join(text))
    if not args.small:
        put_part(RESULTS, "What a step is made of", "One GPU" if on_gpu else "A CPU", "\n".join(text))


def build(scene: Scene) -> Any:
    mx.random.seed(1)
    model = qwen3.Model(qwen3.ModelArgs.from_dict(scene.shape))
    model.set_dtype(scene.dtype)
    adapters.attach(model, Adapter(rank=RANK))
    if mx.default_device().type == mx.gpu:
        fuse_blocks(model)
    if mx.default_device().type == mx.cpu:
        install_fast_swiglu(model)
    mx.eval(model.parameters())
    return model


def timed(work: Callable[[], Any], rounds: int) -> Time:
    """`work` gives arrays, which are evaluated; the first rounds, which are not counted, warm up."""
    times = []
    warm = 6 if mx.default_device().type == mx.gpu else 1
    for _ in range(warm + rounds):
        start, start_cpu = time.perf_counter(), time.process_time()
        mx.eval(work())
        times.append((time.perf_counter() - start, time.process_time() - start_cpu))
    wall, cpu = (1000 * min(values) for values in zip(*times[warm:], strict=True))
    return Time(wall, cpu)


def products(scene: Scene, rows: int) -> Iterator[tuple[int, int, int]]:
    """(rows, in, out) of the linear layers of all blocks."""
    s = scene.shape
    heads, keys = (s[name] * s["head_dim"] for name in ("num_attention_heads", "num_key_value_heads"))
    width, inner = s["hidden_size"], s["intermediate_size"]
    sizes = [
        (width, heads),
        (width, keys),
        (width, keys),
        (heads, width),
        (width, inner),
        (width, inner),
        (inner, width),
    ]
    for _ in range(s["num_hidden_layers"]):
        yield from ((rows, a, b) for a, b in sizes)


def groups(scene: Scene, rows: int) -> Iterator[tuple[int, int, int, int]]:
    """(rows, in, out, rank of the adapters) of the blocks' layers, where those with the same input are one."""
    linear = list(products(scene, rows))
    for first in range(0, len(linear), 7):
        for group in (linear[first : first + 3], linear[first + 3 : first + 4], linear[first + 4 : first + 6],
                      linear[first + 6 : first + 7]):  # fmt: skip
            yield rows, group[0][1], sum(out for *_, out in group), RANK * len(group)


def operands(scene: Scene, *shapes: tuple[int, ...]) -> list[mx.array]:
    arrays = [mx.random.normal(shape).astype(scene.dtype) for shape in shapes]
    mx.eval(arrays)
    return arrays


def multiply(scene: Scene, sizes: list[tuple[int, ...]]) -> tuple[Callable[[], Any], float]:
    """(products of [..., m, k] and [..., k, n] for each (..., m, k, n), their floating-point operations).

    Operands of equal shape are made once; the second lies as a weight does, [n, k]. On a processor each product is
    handed over by itself, so that none waits in memory; on a GPU, where that costs more than many a product, all are
    one compiled function, as they are in the step, and each has a second operand of its own: equal ones are one to MLX.
    """
    on_gpu = mx.default_device().type == mx.gpu
    own = [operands(scene, (*batch, n, k))[0] if on_gpu else None for *batch, _, k, n in sizes]
    made: dict[tuple[int, ...], list[mx.array]] = {}
    for *batch, m, k, n in sizes:
        made.setdefault((*batch, m, k, n), operands(scene, (*batch, m, k), (*batch, n, k)))

    def work() -> list[mx.array]:
        results = []
        for size, other in zip(sizes, own, strict=True):
            a, b = made[tuple(size)]
            b = b if other is None else other
            results.append((a @ b.swapaxes(-1, -2))[..., :1, :1])
            if not on_gpu:
                mx.async_eval(results[-1])
        return results

    return mx.compile(work) if on_gpu else work, float(sum(2 * np.prod(size) for size in sizes))


def training(model: Any, scene: Scene, rounds: int) -> list[str]:
    """The lines of the training step."""
    tokens = np.random.default_rng(0).integers(5, 500, (scene.rows, scene.tokens + 1)).astype(np.int32)
    ones = np.ones((scene.rows, scene.tokens), np.float32)
    batch = Batch(tokens, ones, (scene.tokens + 1,) * scene.rows, tuple(range(scene.rows)))
    model.train()
    step = product_step(model, dtype=scene.dtype)
    n, s = scene.rows * scene.tokens, scene.shape
    linear = list(products(scene, n))
    if step.computes_at_once:  # with the adapters in the weights
        base = [size for m, a, b in linear for size in ((m, a, b), (m, b, a))]
        lora = [
            size
            for m, a, b in linear
            for size in ((m, a, RANK), (m, b, RANK), (a, m, RANK), (RANK, m, b), (a, RANK, b))
        ]
    else:  # layers with the same input as one
        base = [size for m, a, b, _ in groups(scene, n) for size in ((m, a, b), (m, b, a))]
        lora = [
            size
            for m, a, b, r in groups(scene, n)
            for size in ((m, a, r), (m, b, r), (a, m, r), (r, m, b), (m, r, b), (m, r, a))
        ]
    head_size = [(n, s["hidden_size"], s["vocab_size"]), (n, s["vocab_size"], s["hidden_size"])]
    pairs, size = (scene.rows, s["num_attention_heads"]), s["head_dim"]
    t = scene.tokens
    # scores, their mix of values; the gradients of both operands of both; computed in full, of which half is masked
    attention = [((*pairs, t, size, t)), ((*pairs, t, t, size))] * 3 * s["num_hidden_layers"]
    parts = {"base": base, "adapters": lora, "attention": attention, "output layer": head_size}
    lines, alone, alone_cpu = list[tuple[str, Time, str]](), 0.0, 0.0
    for name, sizes in parts.items():
        work, operations = multiply(scene, sizes)
        took = timed(work, rounds)
        alone, alone_cpu = alone + took.wall, alone_cpu + took.cpu
        lines.append((f"products of {name}", took, f"{operations / took.wall / 1e6:,.0f} GFLOP/s"))

    def whole_step() -> Any:
        value, _, grads = step.gradient(batch, alone=True)
        mx.async_eval(grads, value)
        norm = step.optimizer_step(grads, step.weight(batch), 1e-4)
        return value, norm, step.state

    forward = timed(lambda: step.loss(batch), rounds)
    gradient = timed(lambda: step.gradient(batch, alone=True)[::2], rounds)
    whole = timed(whole_step, rounds)
    built = []
    if not step.computes_at_once:
        built = [("building its graph in Python", build_time(lambda: step.gradient(batch), rounds), "")]
    lines += [
        ("forward and loss, as for an evaluation", forward, ""),
        ("forward and back", gradient, ""),
        *built,
        ("**the whole step**", whole, f"{n / whole.wall * 1000:,.0f} tokens/s"),
        ("**without its products**", Time(whole.wall - alone, whole.cpu - alone_cpu), ""),
    ]
    return table(f"A training step, {scene.rows} × {scene.tokens} tokens", lines, whole)


def decoding(model: Any, scene: Scene, rounds: int) -> list[str]:
    """The lines of a decoding step: one token of each answer."""
    model.eval()
    n, s, size = scene.answers, scene.shape, scene.shape["head_dim"]
    on_gpu = mx.default_device().type == mx.gpu
    by_mlx = ", in MLX's operations" if on_gpu else ""  # the step has kernels of its own
    sizes = {
        "base": [(m, a, b) for m, a, b, _ in groups(scene, n)] if on_gpu else list(products(scene, n)),
        "attention": [
            (n, s["num_attention_heads"], 1, *ends)
            for ends in ((size, scene.before), (scene.before, size)) * s["num_hidden_layers"]
        ],
        "output layer": [(n, s["hidden_size"], s["vocab_size"])],
    }
    lines, alone, alone_cpu = list[tuple[str, Time, str]](), 0.0, 0.0
    for name, of_part in sizes.items():
        work, operations = multiply(scene, of_part)
        with product_threads(model, n):
            took = timed(work, rounds)
        alone, alone_cpu = alone + took.wall, alone_cpu + took.cpu
        lines.append((f"products of {name}{by_mlx}", took, f"{operations / took.wall / 1e6:,.0f} GFLOP/s"))
    cache, tokens = prefill(model, [list(range(5, 5 + scene.before))], [0] * n, batched=True)
    uniform, params = mx.full((n,), 0.5), SamplingParams()
    logits = operands(scene, (n, s["vocab_size"]))[0]

    def sample() -> Any:
        return sample_tokens(logits, uniform, params)

    with product_threads(model, n):
        decoder, building = make_decoder(model), []
        if decoder is not None:
            rows = RowCache.take(cache, list(range(n)), decoder.key_heads, decoder.size)
            last, drawn, np_logits = (np.array(array) for array in (tokens, uniform, logits))
            whole = timed(lambda: sample_in_numpy(decoder.logits(last, rows), drawn, params) and [], rounds)
            sampling = timed(lambda: sample_in_numpy(np_logits, drawn, params) and [], rounds)
        else:
            with merged_weights(model), kept_factors(model):
                step = make_token_step(model, params)

                def one_token() -> Any:
                    return step(tokens, cache, uniform)

                whole, sampling = in_turn(one_token, rounds), timed(sample, rounds)
                building = [("building it in Python (beside the last token)", build_time(one_token, rounds), "")]
    lines += [
        (f"sampling a token of each answer{by_mlx}", sampling, ""),
        *building,
        ("**the whole step**", whole, f"{n / whole.wall * 1000:,.0f} tokens/s"),
    ]
    if not by_mlx:
        lines.append(("**without its products**", Time(whole.wall - alone, whole.cpu - alone_cpu), ""))
    lines = table(f"A decoding step, {n} answers after {scene.before} tokens", lines, whole)
    if not on_gpu:  # a processor's caches hold much of it
        return lines
    # Of the caches, which have room for more, the tokens that are there.
    token_bytes = 2 * s["num_hidden_layers"] * s["num_key_value_heads"] * size * scene.dtype.size
    read = sum(value.nbytes for _, value in tree_flatten(model.parameters())) + n * scene.before * token_bytes
    rate = bandwidth(rounds)
    limit = read / rate * 1000
    note = (
        f"Weights and cache, read once a token: {read / 1e6:,.0f} MB, {limit:.2f} ms at {rate / 1e12:.2f} TB/s, at "
        f"which large arrays are read: at "
        f"most {n / limit * 1000:,.0f} tokens/s; the step stands at {limit / whole.wall:.0%} of that."
    )
    return [*lines, "", note]


def in_turn(work: Callable[[], Any], rounds: int) -> Time:
    """The same for work that is handed over while what was handed over before is computed, as tokens are: so many that
    each round puts recent tokens into the large arrays once."""
    last = work()
    mx.eval(last)
    count, times = RECENT, []
    for _ in range(rounds):
        start, start_cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            made = work()
            mx.async_eval(made)
            mx.eval(last)
            last = made
        mx.eval(last)
        times.append(((time.perf_counter() - start) / count, (time.process_time() - start_cpu) / count))
    wall, cpu = (1000 * min(values) for values in zip(*times, strict=True))
    return Time(wall, cpu)


def build_time(work: Callable[[], Any], rounds: int) -> Time:
    """How long it takes to call `work`, whose arrays are evaluated outside the clock."""
    times = []
    for _ in range(rounds):
        start, start_cpu = time.perf_counter(), time.thread_time()
        made = work()
        times.append((time.perf_counter() - start, time.thread_time() - start_cpu))
        mx.eval(made)
    wall, cpu = (1000 * min(values) for values in zip(*times, strict=True))
    return Time(wall, cpu)


def bandwidth(rounds: int) -> float:
    """Bytes a second at which large arrays are read: their sums, one after the other, as handing over the first takes
    a while."""
    arrays = [mx.random.normal((256_000_000,)).astype(mx.bfloat16) for _ in range(8)]
    mx.eval(arrays)
    return sum(array.nbytes for array in arrays) / timed(lambda: [array.max() for array in arrays], rounds).wall * 1000


def table(title: str, lines: list[tuple[str, Time, str]], whole: Time) -> list[str]:
    rows = [f"| {title} | ms | of the step | processor ms | |", "|---|---|---|---|---|"]
    for name, took, note in lines:
        rows.append(f"| {name} | {took.wall:.1f} | {took.wall / whole.wall:.0%} | {took.cpu:.1f} | {note} |")
    return rows


def head(scene: Scene, device: str) -> str:
    command = " ".join(["python -m tests.benchmarks.roofline", *sys.argv[1:]])
    s = scene.shape
    return (
        f"Made by `{command}` on {time.strftime('%Y-%m-%d')}: {device}, MLX {mx.__version__}, OpenBLAS: "
        f"{machine()['blas'] or 'no'}, kernels for {openblas.kernels() or '-'}. "
        f"{s['num_hidden_layers']} layers of {s['hidden_size']}, vocabulary "
        f"{s['vocab_size']:,}, {str(scene.dtype).removeprefix('mlx.core.')}, random weights, LoRA of rank {RANK} on "
        "all linear layers. Products are those that the step needs, with nothing between them; a step has them in it, "
        "and what is left of it is everything else. The rows are not packed. On a processor NumPy computes the "
        "gradient, spread over two cores, and MLX evaluations and the products alone; in a run two batches go "
        "side by side. Times are the least of the rounds.\n"
    )


if __name__ == "__main__":
    main()
