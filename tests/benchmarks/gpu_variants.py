"""Variants of a training step on one GPU: which of them are right, and what each saves.

python -m tests.benchmarks.gpu_variants [--small] [--seconds 240] [--only check,count,steps,environment,pieces]

Compiles and checks each candidate kernel against MLX's own operations, times the compiled step of Qwen3-0.6B's shape
for each variant beside the product's and mlx-lm's own, tries MLX's settings for CUDA graphs, and times the pieces of a
block. Everything is printed as soon as it is known. A variant that ends its process is left out of the next one.
"""

import argparse
import os
import queue
import subprocess
import sys
import threading
import time

from tests.benchmarks.variants.choices import NAMES, PEER, PRODUCT

FULL = "grouped, all kernels"
GRAPHS: tuple[dict[str, str], ...] = (
    {"MLX_MAX_OPS_PER_BUFFER": "100", "MLX_MAX_MB_PER_BUFFER": "1000", "MLX_CUDA_GRAPH_CACHE_SIZE": "2000"},
    {"MLX_MAX_OPS_PER_BUFFER": "200", "MLX_MAX_MB_PER_BUFFER": "4000", "MLX_CUDA_GRAPH_CACHE_SIZE": "2000"},
    {"MLX_MAX_OPS_PER_BUFFER": "20", "MLX_MAX_MB_PER_BUFFER": "4000", "MLX_CUDA_GRAPH_CACHE_SIZE": "2000"},
    {"MLX_USE_CUDA_GRAPHS": "0"},
)
PARTS = ("check", "count", "steps", "environment", "pieces")


class Clock:
    """The time that is left of so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.start, self.budget = time.monotonic(), seconds

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.start

    @property
    def left(self) -> float:
        return self.budget - self.elapsed


def say(clock: Clock, line: str) -> None:
    print(f"[{clock.elapsed:5.1f} s] {line}", flush=True)


def run(clock: Clock, words: list[str], limit: float, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """(its exit status, the variant that was begun last) of a process that measures; its lines are passed on."""
    if clock.left < 5:
        say(clock, f"{' '.join(words)}: left out, the time is over")
        return 0, ""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.variants.measure", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    end, begun = time.monotonic() + min(limit, clock.left), ""
    while True:
        try:
            line = lines.get(timeout=max(0.1, end - time.monotonic()))
        except queue.Empty:
            process.kill()
            say(clock, f"{' '.join(words)}: took too long, at {begun or 'its part'}")
            break
        if line is None:
            break
        if line.startswith("begin "):
            begun = line.removeprefix("begin ")
        else:
            say(clock, line)
    return process.wait(), begun


def run_steps(clock: Clock, names: list[str], small: list[str], environment: dict[str, str] | None = None) -> None:
    """Measure these variants in one process, and in further ones those that come after one that ended it."""
    while names and clock.left > 5:
        status, begun = run(clock, ["steps", ";".join(names), *small], 150, environment)
        if status == 0 or begun not in names:
            return
        say(clock, f"step {begun}: ended its process with status {status}")
        names = names[names.index(begun) + 1 :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a small shape, to try the script on any machine")
    parser.add_argument("--seconds", type=float, default=240, help="for everything; default: 240")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--steps", default=";".join(NAMES), help="the variants, separated by semicolons")
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--length", type=int, default=1024)
    args = parser.parse_args()
    clock, parts = Clock(args.seconds), args.only.split(",")
    small = ["--rows", str(args.rows), "--length", str(args.length)]
    if args.small:
        small = ["--small", "--rows", "2", "--length", "64"]
    if "check" in parts:
        run(clock, ["check"], 60)
    if "steps" in parts:
        run_steps(clock, args.steps.split(";"), small)
    if "environment" in parts:
        for settings in GRAPHS:
            say(clock, " ".join(f"{name}={value}" for name, value in settings.items()))
            run_steps(clock, [PRODUCT, FULL, PEER], small, settings)
    if "pieces" in parts:
        run(clock, ["pieces", *small], 60)
    if "count" in parts:
        run(clock, ["count", ";".join([PRODUCT, "grouped", FULL]), *small], 40)
    say(clock, "done")


if __name__ == "__main__":
    main()
