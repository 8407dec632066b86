"""What a packed base costs and saves, in figures.

python -m tests.benchmarks.precision             the starter model on its sample data, on this machine's CPU
python -m tests.benchmarks.precision --shapes    0.6 B and 7 B shapes with random weights, on a GPU, in a few minutes
python -m tests.benchmarks.precision --runs      whole runs on a model folder of the 7 B shape (15 GB on disk), on a GPU

The figures go to results/precision.md, each kind into its own part of the page.
"""

import argparse
import gc
import json
import tempfile
import time
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten

from core import adapters
from core.adapters.fused_blocks import fuse_blocks
from core.data.batch.batches import Batch
from core.device.select import select
from core.distributed.group import Group
from core.events import Finished, Step
from core.model.gradient_checkpointing import checkpoint_blocks
from core.model.lm_head import find_lm_head
from core.model.load import load
from core.quant import quantize_model
from core.quant.modes import UNPACKED
from core.resources import STARTER
from core.run import Adapter, Run
from core.train import train
from core.training.train_step import TrainStep
from tests.benchmarks.page import put_part
from tests.benchmarks.weights import write_random

RESULTS = Path(__file__).parent / "results" / "precision.md"
MODES = (UNPACKED, "int8", "nf4", "fp4", "affine-4", "mxfp4")
MB = 1e6
WARM, STEPS = 6, 5  # the first of a shape are not compiled yet
SMALL = {
    "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936, "tie_word_embeddings": True,
}  # fmt: skip
LARGE = {
    "hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 32, "head_dim": 128, "vocab_size": 32_000, "tie_word_embeddings": False,
}  # fmt: skip
SHAPE = {"model_type": "qwen3", "rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 4096}
TINY = {**SMALL, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "vocab_size": 2048}
# name, shape, formats, rows, tokens
SHAPES: tuple[tuple[str, dict[str, Any], tuple[str, ...], int, int], ...] = (
    ("0.6 B", SMALL, MODES, 4, 1024),
    ("7 B", LARGE, (UNPACKED, "nf4", "affine-4"), 1, 1024),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", action="store_true", help="large shapes with random weights, for a GPU")
    parser.add_argument("--runs", action="store_true", help="whole runs on a model of the 7 B shape, for a GPU")
    parser.add_argument("--tiny", action="store_true", help="of these: a tiny one, to try the benchmark itself")
    parser.add_argument("--only", default="", help="with --shapes: those whose name holds this")
    parser.add_argument("--steps", type=int, default=150, help="steps on the starter model; default: 150")
    args = parser.parse_args()
    device = select("auto" if args.shapes or args.runs else "cpu")
    if args.runs:
        lines = runs(TINY if args.tiny else LARGE, 64 if args.tiny else 1024)
        write("Whole runs, 7 B", device["device"], RUNS_NOTE, RUNS_HEAD, lines)
    elif args.shapes:
        chosen = (("tiny", TINY, MODES, 2, 64),) if args.tiny else SHAPES
        lines = [line for case in chosen if args.only in case[0] for line in shape(*case)]
        write("Large shapes, random weights", device["device"], SHAPE_NOTE, SHAPE_HEAD, lines)
    else:
        write("Starter model", device["device"], STARTER_NOTE, STARTER_HEAD, [starter(m, args.steps) for m in MODES])


RUNS_NOTE = (
    "`hone train` on a folder of random weights in bfloat16: rows of 1,024 tokens, one at a time, LoRA of rank 16. A "
    "run rehearses its longest step and lets MLX take no more than it allows for; the peak is that of the steps. Time "
    "is the median of the later steps."
)
RUNS_HEAD = (
    "Base",
    "Checkpointing",
    "Told before, GB",
    "Rehearsed, GB",
    "Peak, GB",
    "of none",
    "A step, ms",
    "Whole, s",
)
EOS = 2  # the starter's, whose tokenizer the model of whole runs gets
RUN_STEPS = 24  # enough for a run to rehearse


STARTER_NOTE = "LoRA, rank 16, on all linear layers; the sample data. Time is the median of the later steps."
STARTER_HEAD = ("Base", "Weights, MB", "Peak while training, MB", "A step, ms", "Held-out loss before", "after")


def starter(mode: str, steps: int) -> tuple[str, ...]:
    """One line of the table: the starter model trained over a base in one format."""
    weights = load(STARTER, "float32", device="cpu", quantization=mode).model
    weight_bytes = sum(v.nbytes for _, v in tree_flatten(weights.parameters()))
    del weights
    free_memory()
    with tempfile.TemporaryDirectory() as folder:
        output = {"output": f"{folder}/run"}
        values = {"model": {"quantization": mode, "dtype": "float32"}, "train": {"steps": steps, "samples": 0}}
        seconds, peak, previous = [], 0, 0.0
        for event in train(Run.from_dict({**output, "backend": "cpu", **values})):
            if isinstance(event, Step):
                seconds.append(event.seconds - previous)
                previous, peak = event.seconds, max(peak, event.peak_memory_bytes)
            if isinstance(event, Finished):
                losses = event.loss_before or 0.0, event.loss_after or 0.0
    free_memory()
    step = 1000 * float(np.median(seconds[len(seconds) // 3 :]))
    line = (mode, f"{weight_bytes / MB:.1f}", f"{peak / MB:.0f}", f"{step:.0f}", f"{losses[0]:.4f}", f"{losses[1]:.4f}")
    print(*line, flush=True)
    return line


SHAPE_NOTE = (
    "bfloat16, LoRA rank 16 on all linear layers, AdamW, the product's own step, compiled; the median of five after "
    "six. With checkpointing every block computes twice and keeps its input alone. MLX queues work ahead of the GPU, "
    "whose buffers count as used: «peak» is what a run with plenty of memory takes, «need» what it takes where MLX may "
    "not queue ahead, as it does by itself near the card's limit. A format that fails is told with the reason."
)
SHAPE_HEAD = (
    "Shape",
    "Base",
    "Checkpointing",
    "Tokens",
    "Packing, s",
    "Weights, GB",
    "Peak, GB",
    "of none",
    "Need, GB",
    "of none",
    "A step, ms",
)


def shape(name: str, config: dict[str, Any], modes: tuple[str, ...], rows: int, tokens: int) -> list[tuple[str, ...]]:
    """The lines of one shape. What goes wrong in one format is told and does not end the others."""
    lines: list[tuple[str, ...]] = []
    usual: dict[bool, tuple[int, int]] = {}
    for mode in modes:
        try:
            model, seconds = build(config, mode)
            weight_bytes = sum(v.nbytes for _, v in tree_flatten(model.parameters()))
            for recompute in (False, True):
                peak, need, step = measure(model, recompute, rows, tokens)
                usual.setdefault(recompute, (peak, need))
                shares = [f"{a / b:.2f}" for a, b in zip((peak, need), usual[recompute], strict=True)]
                size = f"{weight_bytes / 1e9:.2f}", f"{peak / 1e9:.2f}", shares[0], f"{need / 1e9:.2f}", shares[1]
                checkpointing = "on" if recompute else "off"
                lines.append((name, mode, checkpointing, f"{rows} × {tokens}", f"{seconds:.1f}", *size, f"{step:.0f}"))
                print(*lines[-1], flush=True)
            del model
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0][:80]
            lines.append((name, mode, "", f"{rows} × {tokens}", "", "", "", "", "", "", f"failed: {reason}"))
            print(*lines[-1], flush=True)
        free_memory()
    return lines


def runs(shape_config: dict[str, Any], tokens: int) -> list[tuple[str, ...]]:
    """The lines of whole runs, through the product's own door."""
    lines: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory(prefix="hone-precision-") as place:
        folder = Path(place)
        data = write_texts(folder / "rows.jsonl", tokens)
        config = {**SHAPE, **shape_config, "torch_dtype": "bfloat16", "eos_token_id": EOS}
        model = write_random(folder / "model", config, lambda w: w.astype(mx.bfloat16))
        free_memory()
        usual: dict[str, int] = {}
        for checkpointing in ("on", "off"):
            for mode in (UNPACKED, "nf4"):
                start = time.perf_counter()
                out = folder / f"{mode}-{checkpointing}"
                settings = {
                    "output": str(out),
                    "model": {"path": str(model), "quantization": mode},
                    "data": {"path": str(data), "eval_split": 0.0, "max_seq_len": tokens},
                    "train": {
                        "steps": RUN_STEPS, "batch_size": 1, "samples": 0, "gradient_checkpointing": checkpointing,
                    },
                }  # fmt: skip
                steps = [e for e in train(Run.from_dict(settings)) if isinstance(e, Step)]
                total_seconds = time.perf_counter() - start
                peak = max(step.peak_memory_bytes for step in steps)
                share = peak / usual.setdefault(checkpointing, peak)
                ends = [step.seconds for step in steps]
                later = float(np.median(np.diff(ends)[RUN_STEPS // 2 :])) * 1000
                memory = json.loads((out / "resolved.json").read_text(encoding="utf-8"))["memory"]
                estimate_text = f"{memory['estimate']['low'] / 1e9:.1f} – {memory['estimate']['high'] / 1e9:.1f}"
                sizes = estimate_text, f"{memory['measured'] / 1e9:.2f}", f"{peak / 1e9:.2f}", f"{share:.2f}"
                lines.append((mode, checkpointing, *sizes, f"{later:.0f}", f"{total_seconds:.0f}"))
                print(*lines[-1], flush=True)
                free_memory()
    return lines


def write_texts(file: Path, tokens: int) -> Path:
    """Texts that are longer than the cut."""
    numbers = np.random.default_rng(1).integers(0, 10**6, (RUN_STEPS, tokens))
    rows = [json.dumps({"text": " ".join(map(str, row))}) for row in numbers.tolist()]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def build(shape_config: dict[str, Any], mode: str) -> tuple[nn.Module, float]:
    """(a model with random weights and an adapter, seconds that packing took); made and packed layer by layer."""
    from mlx_lm.models import qwen3

    config = {**SHAPE, **shape_config}
    mx.random.seed(0)
    model = qwen3.Model(qwen3.ModelArgs.from_dict(config))
    model.set_dtype(mx.bfloat16)
    start = time.perf_counter()
    if mode != UNPACKED:
        quantize_model(model, mode)
    adapters.attach(model, Adapter())
    mx.eval(model.parameters())
    return model, time.perf_counter() - start


def measure(model: Any, recompute: bool, rows: int, tokens: int) -> tuple[int, int, float]:
    """(peak bytes, peak bytes where MLX may not queue work ahead, median milliseconds) of the product's own steps."""
    free_memory()
    if recompute:
        checkpoint_blocks(model)
    train_step = product_step(model)
    token_ids = np.random.default_rng(0).integers(0, 500, (rows, tokens + 1)).astype(np.int32)
    batch = Batch(token_ids, np.ones((rows, tokens), np.float32), (tokens + 1,) * rows, tuple(range(rows)))
    model.train()

    for _ in range(WARM):
        timed_step(train_step, batch)
    mx.reset_peak_memory()
    took = float(np.median([timed_step(train_step, batch) for _ in range(STEPS)]))
    peak = mx.get_peak_memory()
    old_limit = mx.set_memory_limit(1)
    mx.reset_peak_memory()
    timed_step(train_step, batch)
    mx.set_memory_limit(old_limit)
    return peak, mx.get_peak_memory(), took


def timed_step(train_step: TrainStep, batch: Batch) -> float:
    """One step and its correction; the milliseconds it took."""
    start = time.perf_counter()
    value, _, grads = train_step.gradient(batch)
    mx.async_eval(grads, value)  # as the loop does: layer by layer, before the vectors are joined
    norm = train_step.optimizer_step(grads, train_step.weight(batch), 1e-4)
    mx.eval(value, norm, train_step.state)
    return 1000 * (time.perf_counter() - start)


def product_step(model: Any, fused: bool = True, dtype: mx.Dtype = mx.bfloat16) -> TrainStep:
    """The product's own step over a model that has its adapter, without data or a run's folder."""
    gpu = mx.default_device() == mx.gpu
    if gpu and fused:
        fuse_blocks(model)
    lm_head, _ = find_lm_head(model, dtype)
    setup: Any = SimpleNamespace(
        run=Run.from_dict({"data": {"path": "demo"}}), model=model, lm_head=lm_head, teacher=None, dtype=dtype,
        on_gpu=gpu, compiles=gpu, is_parted=False, group=Group(), engine_watch=None, recovers=False, numpy=None,
    )  # fmt: skip
    return TrainStep(setup)


def free_memory() -> None:
    """Let memory of what came before go."""
    gc.collect()
    mx.clear_cache()
    mx.reset_peak_memory()


def write(part: str, device: str, note: str, head: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    """Put a part of the page in its place; the other stays."""
    table = [head, ("---",) * len(head), *lines]
    intro = f"Made on {date.today()}: {device}, MLX {mx.__version__}. {note}"
    put_part(
        RESULTS,
        "Base precision: figures",
        part,
        intro + "\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in table),
    )


if __name__ == "__main__":
    main()
