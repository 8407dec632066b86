"""Hone's GRPO beside mlx-lm-lora's and mlxrl's: python -m tests.benchmarks.reasoning [--rounds 3] [--shape 0.6b]

The same model, questions, group, longest answer, adapter and precision on all sides, each by its own trainer in a
process of its own, in turn. What counts is answer tokens per second of whole steps: writing, scoring, learning. The
first step, which warms up, is left out. With --shape 0.6b, Hone alone on random weights of Qwen3-0.6B's shape, for a
GPU: 8 questions with 8 answers each, and how its time divides; --shape small tries this on any machine. The figures
go to results/reasoning.md, those of --shape 0.6b into a part of their own.
"""

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from core.device import openblas
from core.device.machine import machine
from core.resources import STARTER, sample
from tests.benchmarks.gpu import LARGE, SMALL
from tests.benchmarks.page import put_part
from tests.benchmarks.peers import environment, run_side
from tests.benchmarks.weights import write_random

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "reasoning.md"
TITLE = "GRPO beside mlx-lm-lora's and mlxrl's"
SIDES = {"mlx-lm-lora": "mlx_lm_lora_grpo_side.py", "mlxrl": "mlxrl_grpo_side.py"}
SETTINGS = {
    "mlx-lm-lora": "its `train_grpo`: it writes as many answers at once as a batch has questions, with no setting for "
    "more; a prompt's cache shared by its group, a report after the last step",
    "mlxrl": "its functions put together as its command line does, at their best: a prompt's cache shared in its "
    "group, all answers of a step written at once (one by one for answers of natural length, which it otherwise begins "
    "again when the first ends), log-probabilities taken over from the writing, learning in micro-batches of 8",
    "Hone": "`hone train` by itself: up to 64 answers written at once with NumPy, finished ones leave; small products "
    "take one core while it writes; it learns with NumPy from two batches side by side; a report after each step",
}
PROFILE = (
    "**What a token costs, and what was tried** (perf on 2026-11-28, 8 answers, one core a product, while other "
    "work ran). Before: the thread that evaluates took 64 % of the processor time, for OpenBLAS laying out every "
    "weight anew for each token (27 %), its kernel (10 %) and exponentials (10 %); the thread that builds and "
    "dispatches the graph took 36 %, beside it. Done: adapters merged into the weights for the time of writing "
    "(22 to 24 processor ms a token → 15 to 18), the merged weights as [in, out], which is laid out quicker (→ 11 "
    "to 14), SwiGLU and sampling with one quick exponential (→ 9 to 14), one core a product, because OpenBLAS's "
    "threads are busy while they wait (whole steps: 126 – 131 → 308 – 406 answer tokens per processor second). "
    "Left then: 1,033 operations of MLX a token in six layers (514 that compute, the others broadcasts and views; "
    "32 more for sampling), about half the processor time for dispatching them.\n\n"
    "Then (2026-11-29, while seven other programs ran on two cores; least / median of six pairs in turn): a token "
    "of all answers computed with NumPy (core/rollouts/numpy_decoder.py): queries, keys and values as one "
    "product, gate and up as one, the weights of norms and adapters in the matrices, RoPE's angles from a table, "
    "queries and keys normed and turned as one, keys and values written in place: 16.0 / 18.4 → 6.6 / 8.0 "
    "processor ms a token of 8 answers, 51 / 60 → 19 / 28 ms by the clock; the same tokens, the sum of their "
    "log-probabilities the same to 7 digits. The least times of the parts by themselves add up to 2.2 ms: "
    "products 1.1, attention 0.4, the rest of the layers 0.3, output layer 0.2, sampling 0.2. The same in fused "
    "pieces of MLX, about 200 operations that compute by count, was not built. Joining the weights takes one core "
    "a product, too: with OpenBLAS's threads it took 300 ms of processor time a step in place of 21. A step of "
    "one group learns from two batches of half of it, side by side, in place of one batch over both cores: "
    "learning 2.0 → 1.4, 4.1 → 1.4 and 0.9 → 0.6 s in three pairs, the whole step at the same processor time or "
    "less. An output layer laid out as [in, out] would save 0.03 ms and take a copy: not done. Not tried: two "
    "halves of a group on two threads or processes, which would lay out every weight twice; drafts from n-grams. "
    "Log-probabilities of the writing were taken over before, a prompt is computed once in a group, and logits "
    "are made at answers only.\n\n"
    "Learning with NumPy (2026-11-29, core/training/numpy_gradient.py; see peers.md), by processor time in two "
    "pairs of three steps in turn, mlxrl with one core a product: 1 × 8 answers 1,792 and 1,662 against 612 and "
    "574 answer tokens a second (2.9 times), 4 × 8 answers 2,004 and 2,173 against 699 and 693 (2.9 and 3.1 "
    "times), where Hone's 1 × 8 stood at 1,175 to 1,265. By the clock Hone also learns on two cores. Of a step of "
    "1 × 8, 0.29 s of processor time, half is writing, of that about half products.\n\n"
    "Memory (2026-11-29): of the 178 MB that 4 × 8 answers took, 90 were what two batches of 8 were computed in, kept "
    "while the next answers were written, which takes 46 beside model, adapter and optimizer. A step lets go of it "
    "before; it learns from two batches of 4 answers of 64 tokens at a time, as many tokens as other methods take on a "
    "processor; and keys and values get room for 64 tokens more at a time, not 128. In ten pairs in turn that was 2 % "
    "quicker by the clock, with 4 % more processor time; with batches of 8 it would be 145 MB at equal processor time. "
    "The weights that it writes with are joined on both cores: 2 × 4 answers in 3.5 % less time."
)
THREADS = {"as it comes": None, "one core": 1}  # of a peer's products, which nothing but the environment decides
Round = dict[str, dict[str, Any]]  # what the sides printed, by name


@dataclass(frozen=True)
class Case:
    """Rollouts that both sides write. With `fixed_length` answers never end before the longest length."""

    questions: int
    group: int
    longest: int
    fixed_length: bool

    @property
    def title(self) -> str:
        length = f"{self.longest} tokens each" if self.fixed_length else "natural length"
        return f"{self.questions} × {self.group} answers, {length}"


CASES = (Case(1, 8, 64, True), Case(2, 4, 64, True), Case(4, 8, 64, True), Case(4, 8, 96, False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose title holds this")
    parser.add_argument("--shape", choices=("starter", "small", "0.6b"), default="starter")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hone-reasoning-") as folder:
        if args.shape != "starter":
            figures = random_weights(Path(folder), SMALL if args.shape == "small" else LARGE, args.steps)
            print(figures)
            if args.shape == "0.6b":
                put_part(RESULTS, TITLE, "Hone alone on a GPU", alone(figures))
            return
        python = environment()
        lines = []
        for case in (case for case in CASES if args.only in case.title):
            rounds = [one_round(case, Path(folder), python, args.steps) for _ in range(args.rounds)]
            for peer in rounds[0]:
                if peer != "Hone":
                    lines.append(line(case, peer, rounds))
                    print(lines[-1], flush=True)
        put_part(RESULTS, TITLE, "The starter model on this machine", page(lines, python))


def one_round(case: Case, folder: Path, python: Path, steps: int) -> Round:
    job = folder / "job.json"
    settings = {"model": str(STARTER), "data": str(sample("questions")), "rank": 16, "steps": steps + 1}
    settings |= {
        "dtype": "float32",  # the starter lies in bfloat16 on disk, and a peer would compute in that
        "batch_size": case.questions,
        "group_size": case.group,
        "longest": case.longest,
        "fixed": case.fixed_length,
    }
    job.write_text(json.dumps(settings), encoding="utf-8")
    sides = {}
    for name, file in SIDES.items():
        for label, threads in THREADS.items():
            sides[f"{name}, {label}"] = run_side([str(python), str(FOLDER / "sides" / file), str(job)], threads)
    sides["Hone"] = run_side([sys.executable, "-m", "tests.benchmarks.sides.hone_grpo_side", str(job)])
    assert {side["dtype"] for side in sides.values()} == {"float32"}, "a side computes in another precision"
    return sides


def speed(side: dict[str, Any], clock: str = "seconds") -> float:
    """Answer tokens per second of whole steps, the first left out; by processor time with clock "cpu"."""
    return float(sum(side["tokens"][1:]) / sum(side[clock][1:]))


def line(case: Case, peer: str, rounds: list[Round]) -> str:
    """A case beside one peer; the middle of its rounds."""

    def middle(name: str, value: Callable[[dict[str, Any]], float]) -> float:
        return statistics.median(value(r[name]) for r in rounds)

    ratios = [speed(r["Hone"]) / speed(r[peer]) for r in rounds]
    cpu = statistics.median(speed(r["Hone"], "cpu") / speed(r[peer], "cpu") for r in rounds)
    shares = [
        f"{middle(name, lambda side: sum(side['sampling'][1:]) / sum(side['seconds'][1:])):.0%}"
        if "sampling" in rounds[0][name]
        else "?"
        for name in (peer, "Hone")
    ]
    varied = middle("Hone", lambda side: statistics.mean(side["varied"][1:]))
    memory = [middle(name, lambda side: side["peak"] / 1e6) for name in (peer, "Hone")]
    return (
        f"| {case.title} | {peer} | {middle(peer, speed):,.0f} | {middle('Hone', speed):,.0f} "
        f"| {statistics.median(ratios):.1f} | {min(ratios):.1f} – {max(ratios):.1f} | {cpu:.1f} "
        f"| {' / '.join(shares)} | {varied:.0%} | {memory[0]:,.0f} | {memory[1]:,.0f} |"
    )


def page(lines: list[str], python: Path) -> str:
    facts = machine()
    system = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, {facts['gpu'] or 'no GPU'}"
    names = ("mlx-lm", "mlx-lm-lora", "inductive-mlxrl")
    ask = f"from importlib.metadata import version as v; print(*(v(name) for name in {names}))"
    peer_versions = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    peers = ", ".join(f"{name} {version}" for name, version in zip(names, peer_versions, strict=True))
    command = " ".join(["python -m tests.benchmarks.reasoning", *sys.argv[1:]])
    return "\n".join(
        [
            f"Made by `{command}` on {time.strftime('%Y-%m-%d')}: {system}; Python {platform.python_version()}, "
            f"mlx {metadata.version('mlx')}; the peers: {peers}; OpenBLAS on all sides: "
            f"{facts['blas'] or 'no'}, kernels for {openblas.kernels() or '-'}.",
            "",
            "The starter model (3 million parameters, float32 on all sides) and its questions, LoRA of rank 16 on all "
            "linear layers, temperature 1, no KL, the same reward, AdamW. Answer tokens per second of whole steps: "
            "writing, scoring, learning; the same by processor time, which says more where other work ran on the "
            "machine. Memory is MLX's peak, which holds Hone's NumPy arrays. "
            "Hone learns nothing from groups whose answers all have one reward, and "
            "leaves them out; the peers compute them. How many of its groups varied stands in the table. Each peer "
            "with OpenBLAS as it comes, which spreads products over all cores, and with one core a product "
            "(`OPENBLAS_NUM_THREADS=1`), which is quicker for products as small as these. Not compiled on any side. "
            "Not measured on a Mac. Aimed at: 3 times as fast as every peer.",
            "",
            "| side | settings |",
            "|---|---|",
            *(f"| {name} | {sentence} |" for name, sentence in SETTINGS.items()),
            "",
            "| case | peer, its products on | its tokens/s | Hone's | times as fast | of the rounds "
            "| by processor time | share for writing, its / Hone's | groups that varied | its peak MB | Hone's |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            *lines,
            "",
            PROFILE,
        ]
    )


def alone(figures: str) -> str:
    facts, command = machine(), " ".join(["python -m tests.benchmarks.reasoning", *sys.argv[1:]])
    device = f"{facts['gpu']} ({facts['gpu_kind']})" if facts["gpu"] else facts["processor"]
    return (
        f"Made by `{command}` on {time.strftime('%Y-%m-%d')}: {device}, mlx {metadata.version('mlx')}; random weights "
        f"of Qwen3-0.6B's shape in bfloat16, after one step to warm up. The peers were not measured there.\n\n"
        f"{figures}."
    )


def random_weights(folder: Path, shape: dict[str, Any], steps: int) -> str:
    """Hone alone on random weights in bfloat16: 8 questions × 8 answers of 128 tokens."""
    import mlx.core as mx

    model = write_random(folder / "model", shape, lambda w: w.astype(mx.bfloat16))
    rng = random.Random(1)
    data = folder / "questions.jsonl"
    data.write_text(
        "".join(json.dumps({"question": f"{rng.randrange(10**6)}?", "answer": "1"}) + "\n" for _ in range(64))
    )
    job = folder / "job.json"
    settings = {"model": str(model), "data": str(data), "rank": 16, "steps": steps + 1, "batch_size": 8}
    settings |= {"group_size": 8, "longest": 128, "fixed": True}
    settings["options"] = {"rewards": ["regex=1"], "reward_pattern": "[a-h]"}
    job.write_text(json.dumps(settings), encoding="utf-8")
    figures = run_side([sys.executable, "-m", "tests.benchmarks.sides.hone_grpo_side", str(job)])
    writing, total = sum(figures["sampling"][1:]), sum(figures["seconds"][1:])
    return (
        f"{shape['num_hidden_layers']} layers of {shape['hidden_size']}, 8 × 8 answers of 128 tokens: "
        f"{speed(figures):,.0f} answer tokens/s of whole steps, "
        f"{sum(figures['tokens'][1:]) / writing:,.0f} while writing ({writing / total:.0%} of the time), "
        f"{total / steps:.2f} s a step, peak {figures['peak'] / 1e9:.1f} GB"
    )


if __name__ == "__main__":
    main()
