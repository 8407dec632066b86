"""Does anything pile up while a run trains: arrays, buffers, compiled shapes, caches?

    python -m tests.benchmarks.bounded [--steps 2000] [--methods sft,grpo] [--write]

MLX on Metal ends a process with 499,000 live allocations. A tiny model learns by each method from rows of mixed lengths
on the CPU, and at twenty moments what is alive is counted. MLX tells no number of buffers: the arrays that Python
holds are counted, and the bytes in use and kept for later. With --write the figures go to results/bounded.md.
"""

import argparse
import functools
import gc
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import methods
from core.device.machine import machine
from core.events import Step
from core.run import Run
from core.train import train
from core.training.compiled_step import CompiledStep
from tests.reliability.runs import small_run

RESULTS = Path(__file__).parent / "results" / "bounded.md"
LIMIT = 499_000  # live allocations with which Metal ends a process
ROWS, MOMENTS = 120, 20


@dataclass(frozen=True)
class Live:
    """What is alive after a step."""

    arrays: int  # of MLX, that Python holds
    active: int  # bytes
    cached: int  # bytes, of freed buffers that are kept for later
    shapes: int  # of batches, that are counted or compiled
    entries: int  # in Hone's caches of functions' results


def count_live() -> Live:
    import mlx.core as mx  # after core, which loads the fast BLAS

    gc.collect()
    alive = gc.get_objects()
    steps = [o for o in alive if type(o) is CompiledStep]
    results = [o for o in alive if isinstance(o, functools._lru_cache_wrapper) and o.__module__.startswith("core")]
    return Live(
        sum(type(o) is mx.array for o in alive),
        mx.get_active_memory(),
        mx.get_cache_memory(),
        sum(len(step._shape_counts) + len(step._chosen) for step in steps),
        sum(function.cache_info().currsize for function in results),
    )


def mixed_run(method: str, folder: Path, steps: int) -> Run:
    """A run of a tiny model, on rows of up to fifty words, with a validation and a checkpoint every quarter."""
    run = small_run(method, folder, folder / "run")
    rng = random.Random(0)
    rows = []
    for line in (Path(run.data.path).read_text().splitlines() * ROWS)[:ROWS]:
        row = json.loads(line)
        key = next(k for k in ("chosen", "completion") if k in row)
        row[key] += " Really." * rng.randint(0, 12) + f" {rng.random()}"
        rows.append(json.dumps(row))
    Path(run.data.path).write_text("\n".join(rows) + "\n")
    quarter = max(1, steps // 4)
    for key, value in {"steps": steps, "save_every": quarter, "eval_every": quarter, "samples": 0}.items():
        run = run.replace(f"train.{key}", value)
    return run


def live_counts(method: str, steps: int, every: int) -> Iterator[tuple[int, Live]]:
    """(step, what is alive then), every so many steps of a run."""
    with tempfile.TemporaryDirectory() as folder:
        for event in train(mixed_run(method, Path(folder), steps)):
            if isinstance(event, Step) and event.step % every == 0:
                yield event.step, count_live()


def row(method: str, found: list[Live]) -> str:
    third, last = found[: len(found) // 3 + 1], found[len(found) // 3 + 1 :]

    def most(name: str, among: list[Live], unit: int = 1) -> str:
        value: Any = max(getattr(live, name) for live in among)
        return f"{value / unit:,.1f}" if unit > 1 else f"{value:,}"

    columns = [("arrays", 1), ("active", 10**6), ("cached", 10**6), ("shapes", 1), ("entries", 1)]
    cells = [f"{most(name, third, unit)} → {most(name, last, unit)}" for name, unit in columns]
    return f"| {method} | " + " | ".join(cells) + " |"


def build_page(steps: int, names: list[str]) -> str:
    facts = machine()
    lines = [
        "# Bounded: nothing piles up",
        "",
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}; "
        + ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
        + ".",
        "",
        f"Made by `python -m tests.benchmarks.bounded --steps {steps} --write`. Not measured on a Mac, where MLX ends "
        f"a process with {LIMIT:,} live allocations.",
        "",
        f"Rows of mixed lengths, {steps:,} steps of a tiny model on the CPU, {MOMENTS} moments: the most in the first "
        "third → the most after it.",
        "",
        "| method | arrays | bytes in use, MB | bytes kept, MB | shapes of batches | cached results |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in names:
        found = [live for _, live in live_counts(name, steps, max(1, steps // MOMENTS))]
        lines.append(row(name, found))
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--methods", default=",".join(methods.names()))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    page = build_page(options.steps, options.methods.split(","))
    print(page)
    if options.write:
        RESULTS.write_text(page, encoding="utf-8")
