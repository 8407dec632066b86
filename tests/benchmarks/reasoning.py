"""Hone's GRPO beside mlx-lm-lora's: python -m tests.benchmarks.reasoning [--rounds 3] [--shape 0.6b]

The same model, questions, group, longest answer, adapter and precision on both sides, each by its own trainer in a
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
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from core.device.machine import machine
from core.resources import STARTER, sample
from tests.benchmarks.gpu import LARGE, SMALL
from tests.benchmarks.page import put_part
from tests.benchmarks.peers import environment, run_side
from tests.benchmarks.weights import write_random

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "reasoning.md"
TITLE = "GRPO beside mlx-lm-lora's"


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
        for case in CASES:
            rounds = [one_round(case, Path(folder), python, args.steps) for _ in range(args.rounds)]
            lines.append(line(case, rounds))
            print(lines[-1], flush=True)
        put_part(RESULTS, TITLE, "The starter model on this machine", page(lines, python))


def one_round(case: Case, folder: Path, python: Path, steps: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the peer, Hone)."""
    job = folder / "job.json"
    settings = {"model": str(STARTER), "data": str(sample("questions")), "rank": 16, "steps": steps + 1}
    settings |= {
        "batch_size": case.questions,
        "group_size": case.group,
        "longest": case.longest,
        "fixed": case.fixed_length,
    }
    job.write_text(json.dumps(settings), encoding="utf-8")
    peer = run_side([str(python), str(FOLDER / "sides" / "mlx_lm_lora_grpo_side.py"), str(job)])
    return peer, run_side([sys.executable, "-m", "tests.benchmarks.sides.hone_grpo_side", str(job)])


def speed(side: dict[str, Any]) -> float:
    """Answer tokens per second of whole steps, the first left out."""
    return float(sum(side["tokens"][1:]) / sum(side["seconds"][1:]))


def line(case: Case, rounds: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    ratios = [speed(own) / speed(peer) for peer, own in rounds]
    peer, own = (statistics.median(speed(r[i]) for r in rounds) for i in (0, 1))
    share = statistics.median(sum(r[1]["sampling"][1:]) / sum(r[1]["seconds"][1:]) for r in rounds)
    memory = [statistics.median(r[i]["peak"] / 1e6 for r in rounds) for i in (0, 1)]
    return (
        f"| {case.title} | {peer:,.0f} | {own:,.0f} | {statistics.median(ratios):.1f} "
        f"| {min(ratios):.1f} – {max(ratios):.1f} | {share:.0%} | {memory[0]:,.0f} | {memory[1]:,.0f} |"
    )


def page(lines: list[str], python: Path) -> str:
    facts = machine()
    system = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, {facts['gpu'] or 'no GPU'}"
    ask = "from importlib.metadata import version as v; print(v('mlx-lm'), v('mlx-lm-lora'))"
    peer_versions = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    versions = f"mlx {metadata.version('mlx')}; the peer: mlx-lm {peer_versions[0]}, mlx-lm-lora {peer_versions[1]}"
    command = " ".join(["python -m tests.benchmarks.reasoning", *sys.argv[1:]])
    return "\n".join(
        [
            f"Made by `{command}` on {time.strftime('%Y-%m-%d')}: {system}; "
            f"Python {platform.python_version()}, {versions}; OpenBLAS on both sides: {facts['blas'] or 'no'}.",
            "",
            "The starter model (3 million parameters, float32) and its questions, LoRA of rank 16 on all linear "
            "layers, temperature 1, no KL. Answer tokens per second of whole steps: writing, scoring, learning. "
            "Memory is MLX's peak. The peer writes as many answers at once as its batch has questions, Hone up to 64. "
            "Other work may have run on the machine, on both sides alike. Not measured on a Mac.",
            "",
            "| case | mlx-lm-lora, tokens/s | Hone | times as fast | of the rounds | Hone's share for writing "
            "| its peak MB | Hone's |",
            "|---|---|---|---|---|---|---|---|",
            *lines,
        ]
    )


def alone(figures: str) -> str:
    facts, command = machine(), " ".join(["python -m tests.benchmarks.reasoning", *sys.argv[1:]])
    device = f"{facts['gpu']} ({facts['gpu_kind']})" if facts["gpu"] else facts["processor"]
    return (
        f"Made by `{command}` on {time.strftime('%Y-%m-%d')}: {device}, mlx {metadata.version('mlx')}; random weights "
        f"of Qwen3-0.6B's shape in bfloat16, after one step to warm up. mlx-lm-lora was not measured there.\n\n"
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
