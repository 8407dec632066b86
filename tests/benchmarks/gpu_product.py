"""The product's step on one GPU, with its blocks in few large pieces and with mlx-lm's own blocks, beside mlx-lm's.

python -m tests.benchmarks.gpu_product [--small] [--seconds 265] [--only steps,run,long,tests,large,environment]

The compiled step of Qwen3-0.6B's shape on 4 rows of 1,024, with checkpointing and without, alone and bounded to 1.2
times what it needs; whole runs; one row of 4,096 and of 16,384; the tests of the kernels and fused blocks on the GPU; a
7 B shape in bfloat16 and NF4; other settings for CUDA graphs. Each line is printed as soon as it is known, and what
time is left for is measured, in this order.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import gpu
from tests.benchmarks.gpu_clock import Clock, run_steps, say
from tests.benchmarks.gpu_steps import BEFORE, LARGE, PEER, PRODUCT, PRODUCT_CHECKPOINTING

PARTS = ("steps", "run", "long", "tests", "large", "environment")
TESTS = ("tests/core/model/kernels/test_pieces.py", "tests/core/adapters/test_fused_blocks.py")
OTHER_GRAPHS = (
    {"MLX_MAX_OPS_PER_BUFFER": "30", "MLX_MAX_MB_PER_BUFFER": "400"},
    {"MLX_MAX_OPS_PER_BUFFER": "100", "MLX_MAX_MB_PER_BUFFER": "4000"},
)
MAIN = "from tests.benchmarks.sides.hone_side import main; main()"
SIDES = {"with large pieces": "", "with mlx-lm's own blocks": "from core.training import model_setup as m; "
         "m.fuse_blocks = lambda model: 'not for this benchmark'; "}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a small shape, to try the script on any machine")
    parser.add_argument("--seconds", type=float, default=265, help="for everything; default: 265")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    args = parser.parse_args()
    clock, parts = Clock(args.seconds), args.only.split(",")
    usual = shape(4, 1024, args.small)
    if "steps" in parts:
        run_steps(clock, [PRODUCT, BEFORE, PRODUCT_CHECKPOINTING, PEER], usual)
    if "run" in parts:
        whole_runs(clock, args.small)
    if "long" in parts:
        for length in (4096, 16384):
            say(clock, f"one row of {length:,}")
            run_steps(clock, [PRODUCT, PRODUCT_CHECKPOINTING, PEER], [*shape(1, length, args.small), "--repeat", "4"])
    if "tests" in parts:
        test(clock)
    if "large" in parts:
        say(clock, "one row of 1,024")
        run_steps(clock, list(LARGE), [*shape(1, 1024, args.small), "--repeat", "5"])
    if "environment" in parts:
        for settings in OTHER_GRAPHS:
            say(clock, " ".join(f"{name}={value}" for name, value in settings.items()))
            run_steps(clock, [PRODUCT, PRODUCT_CHECKPOINTING], usual, settings)
    say(clock, "done")


def shape(rows: int, length: int, small: bool) -> list[str]:
    return ["--small", "--rows", "2", "--length", "64"] if small else ["--rows", str(rows), "--length", str(length)]


def call(clock: Clock, title: str, command: list[str], limit: float) -> str | None:
    """What a command prints, or None where it fails or takes too long, which is said with the end of its output."""
    limit = min(limit, clock.left)
    if limit < 5:
        say(clock, f"{title}: left out, the time is over")
        return None
    others = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]  # where MLX may lie
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *others])}
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=environment)
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode() if isinstance(error.stdout, bytes) else ""
        say(clock, f"{title}: took too long\n{output[-1500:]}")
        return None
    if process.returncode:
        say(clock, f"{title}: failed\n{process.stdout[-4000:]}\n{process.stderr[-1500:]}")
        return None
    return process.stdout


def test(clock: Clock) -> None:
    output = call(clock, "tests", [sys.executable, "-m", "pytest", "-q", "-n", "0", *TESTS], 70)
    if output is not None:
        say(clock, f"tests: {output.strip().splitlines()[-1]}")


def whole_runs(clock: Clock, small: bool) -> None:
    """`hone train` over 24 batches, both ways, as tests.benchmarks.gpu does."""
    length = 64 if small else 1024
    random.seed(0)
    with tempfile.TemporaryDirectory(prefix="hone-gpu-") as place:
        folder = Path(place)
        (folder / "shape.json").write_text(json.dumps(gpu.SMALL if small else gpu.LARGE), encoding="utf-8")
        if call(clock, "model", [sys.executable, "-m", "tests.benchmarks.sides.gpu_side", "make", place], 40) is None:
            return
        write_job = gpu.job(folder, "answers", length, prompt=8)
        for checkpointing in ("off", "on"):
            path = write_job(checkpointing)
            for name, before in SIDES.items():
                if checkpointing == "on" and before:
                    continue
                code = f"import sys; sys.argv[1:] = [{path!r}]; {before}{MAIN}"
                title = f"whole run {name}, checkpointing {checkpointing}"
                output = call(clock, title, [sys.executable, "-c", code], 150)
                if output is not None:
                    figures = json.loads(output.strip().splitlines()[-1])
                    seconds = statistics.median(figures["seconds"][gpu.WARM :])
                    say(clock, f"{title}: {1000 * seconds:.1f} ms, {gpu.ROWS * length / seconds:,.0f} tokens/s, peak "
                        f"{figures['peak'] / 1e9:.2f} GB, last loss {figures['losses'][-1]:.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
