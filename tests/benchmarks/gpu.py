"""One GPU: Hone's training step beside mlx-lm's and PEFT's, and where its time goes.

python -m tests.benchmarks.gpu [--small]

Random weights of Qwen3-0.6B's shape in bfloat16, float32 adapters of rank 16 on all linear layers, 4 rows of 1024
tokens a step, each side with its own trainer in a process of its own. It takes a few minutes; what a part gave is
printed and written to results/gpu.md before the next begins, and a part that fails or takes too long is said and left
out. PyTorch, transformers and PEFT are measured where this Python has them. --small tries the script itself on any
machine.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from core.data.dataset import load_dataset
from core.data.tokenize.encoding import encode_examples
from core.data.tokenize.tokenizer import load_tokenizer
from core.device.machine import machine
from core.resources import STARTER

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "gpu.md"
BUDGET = 580.0  # seconds for everything; on a new machine MLX compiles its kernels first, which takes a minute a side
ROWS, STEPS, WARM = 4, 24, 10
BOUNDED = (
    "MLX queues work ahead of the GPU, and its buffers count as used. The same step alone, one after the other, "
    "bounded by MLX's memory limit; the middle of eight after six."
)
SETTINGS = {
    ("Hone", "whole run"): "`hone train` by itself: compiled, MLX's cache kept within the run's bound, a report a step",
    ("mlx-lm", "step"): "its best: the compiled step of its `train()` on one batch, MLX's cache kept, nothing else",
    ("mlx-lm", "defaults"): "its `train()`, compiled: MLX's cache emptied in every step (`clear_cache_threshold` 0); "
    "its own clock, without batches and reports",
    ("PEFT", "plain"): "eager, autocast, fused AdamW, attention through SDPA, timed by events on the GPU, no waiting",
    ("PEFT", "liger"): "the same with Liger's kernels for norms, RoPE, SwiGLU and the loss over hidden states",
    ("PEFT", "compile"): "the same as plain, compiled by `torch.compile`",
}
LIMITS_HEAD = (
    "| memory limit, GB | checkpointing | ms a step | at best | peak GB |",
    "|---|---|---|---|---|",
)
LARGE = {
    "model_type": "qwen3",
    "hidden_size": 1024,
    "num_hidden_layers": 28,
    "intermediate_size": 3072,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "rms_norm_eps": 1e-6,
    "vocab_size": 151936,
    "rope_theta": 1000000.0,
    "max_position_embeddings": 40960,
    "tie_word_embeddings": True,
}
SMALL = LARGE | {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128, "vocab_size": 4096}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a small shape and short rows")
    args = parser.parse_args()
    length = 64 if args.small else 1024
    page = Page(length, 10 * BUDGET if args.small else BUDGET)
    with tempfile.TemporaryDirectory(prefix="hone-gpu-") as place:
        folder = Path(place)
        page.announce("shape", json.dumps(SMALL if args.small else LARGE))
        (folder / "shape.json").write_text(json.dumps(SMALL if args.small else LARGE), encoding="utf-8")
        if page.part([sys.executable, "-m", "tests.benchmarks.sides.gpu_side", "make", place], 60) is None:
            return
        answers = job(folder, "answers", length, prompt=8)
        prompts = job(folder, "prompts", length, prompt=round(0.7 * length))
        hone = [sys.executable, "-m", "tests.benchmarks.sides.hone_side"]
        peer = [sys.executable, str(FOLDER / "sides" / "mlx_lm_side.py")]
        torch = [sys.executable, str(FOLDER / "sides" / "peft_side.py")]
        for checkpointing, case in (("off", "all tokens learned"), ("on", "all tokens learned, checkpointing")):
            page.run("Hone", "whole run", case, [*hone, answers(checkpointing)])
            page.run("mlx-lm", "step", case, [*peer, answers(checkpointing), "step"])
            page.run("mlx-lm", "defaults", case, [*peer, answers(checkpointing), "defaults"])
            for settings in ("plain", "liger", "compile"):
                page.run("PEFT", settings, case, [*torch, answers(checkpointing), settings])
        page.run("Hone", "whole run", "30 % of the tokens learned", [*hone, prompts("off")])
        own = [sys.executable, "-m", "tests.benchmarks.sides.gpu_side"]
        page.lines([*own, "profile", place, str(length)], page.profile)
        page.lines([*own, "limits"], page.limits)


def job(folder: Path, name: str, length: int, prompt: int) -> Any:
    """Rows cut to exactly so many tokens, of which the first are no targets; gives a job's file by checkpointing."""
    rng = random.Random(7)
    words = sorted({w for w in (STARTER / "README.md").read_text(encoding="utf-8").lower().split() if w.isalpha()})
    data = folder / f"{name}.jsonl"
    tokenizer = load_tokenizer(STARTER)

    def make_text(tokens: int) -> str:
        ids = tokenizer(" ".join(rng.choices(words, k=tokens)))["input_ids"]
        return str(tokenizer.decode(ids[:tokens]))

    texts = [[make_text(n) for n in (prompt, 2 * length)] for _ in range(ROWS * STEPS)]
    rows = [dict(zip(("prompt", "completion"), row, strict=True)) for row in texts]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    encoded_rows = encode_examples(
        load_dataset(str(data), "text").examples, tokenizer, train_on="answers", max_len=length
    )
    tokens = folder / f"{name}.json"
    token_rows = [{"tokens": t.tokens.tolist(), "start": int(t.mask.argmax())} for (t,) in encoded_rows]
    assert all(len(row["tokens"]) == length for row in token_rows)
    tokens.write_text(json.dumps(token_rows), encoding="utf-8")

    def write_job(checkpointing: str) -> str:
        path = folder / f"{name}-{checkpointing}-job.json"
        settings = {
            "method": "sft", "model": str(folder / "model"), "data": str(data), "rows": str(tokens), "rank": 16,
            "batch_size": ROWS, "max_len": length, "checkpointing": checkpointing == "on", "steps_per_report": 1,
            "train": {"gradient_checkpointing": checkpointing},
        }  # fmt: skip
        path.write_text(json.dumps(settings), encoding="utf-8")
        return str(path)

    return write_job


def torch_versions() -> str:
    """The packages of the side called PEFT."""
    names = ("torch", "transformers", "peft")
    try:
        return f"PEFT: {', '.join(f'{name} {metadata.version(name)}' for name in names)}."
    except metadata.PackageNotFoundError:
        return "PyTorch, transformers and PEFT were not there."


class Page:
    """The page of results: each figure is printed and written as soon as it is measured."""

    def __init__(self, length: int, budget: float) -> None:
        self.start, self.length, self.budget = time.monotonic(), length, budget
        facts = machine()
        versions = ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
        self.head = f"{facts['gpu'] or 'no GPU'} ({facts['gpu_kind'] or facts['gpu_reason']}); {versions}"
        self.rows: list[str] = []
        self.profile: list[str] = []
        self.limits: list[str] = []
        self.notes: list[str] = []

    def announce(self, title: str, sentence: str) -> None:
        print(f"[{time.monotonic() - self.start:5.1f} s] {title}: {sentence}", flush=True)

    def part(self, command: list[str], limit_seconds: float) -> str | None:
        """A command's output, or None where it fails or takes too long, which the page then notes."""
        remaining = self.budget - (time.monotonic() - self.start)
        name = " ".join(Path(word).name for word in command[1:])
        if remaining < 5:
            self.note(f"{name}: left out, the time is over")
            return None
        try:
            process = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=min(limit_seconds * self.budget / BUDGET, remaining),
                cwd=FOLDER.parent.parent,
            )
        except subprocess.TimeoutExpired as error:
            self.note(f"{name}: took too long")
            return error.stdout.decode() if isinstance(error.stdout, bytes) else None
        if process.returncode:
            self.note(f"{name}: failed: {(process.stderr.strip().splitlines() or ['no word'])[-1]}")
            print(process.stderr[-2000:], flush=True)
            return None
        return process.stdout

    def run(self, side: str, settings: str, case: str, command: list[str]) -> None:
        """One side's run with one of SETTINGS: the median of its steps after the first few, which warm up."""
        output = self.part(command, 110)
        if output is None or not output.strip():
            return
        figures = json.loads(output.strip().splitlines()[-1])
        seconds = statistics.median(figures["seconds"][WARM:])
        speed, peak = ROWS * self.length / seconds, figures["peak"] / 1e9
        self.rows.append(f"| {case} | {side} | {settings} | {speed:,.0f} | {seconds * 1000:.1f} | {peak:.2f} |")
        self.announce(f"{side}, {settings}, {case}", f"{speed:,.0f} tokens/s, {seconds * 1000:.1f} ms, {peak:.2f} GB")
        self.write()

    def lines(self, command: list[str], rows: list[str]) -> None:
        """Add the lines that a command prints to one of the page's tables."""
        for line in (self.part(command, 80) or "").splitlines():
            rows.append(f"| {' | '.join(line.split(chr(9)))} |")
            self.announce(command[3], line.replace("\t", " | "))
        self.write()

    def note(self, sentence: str) -> None:
        self.notes.append(f"- {sentence}")
        self.announce("note", sentence)
        self.write()

    def write(self) -> None:
        RESULTS.parent.mkdir(exist_ok=True)
        text = [
            "# One GPU: the training step",
            "",
            f"Made by `{' '.join(['python -m tests.benchmarks.gpu', *sys.argv[1:]])}` on {time.strftime('%Y-%m-%d')}: "
            f"{self.head}. {ROWS} rows of {self.length:,} tokens a step; LoRA of rank 16 on all linear layers, base in "
            "bfloat16, adapters in float32, random weights of Qwen3-0.6B's shape. Tokens are all there are. The middle "
            f"of {STEPS - WARM} steps after {WARM} to warm up; memory is the peak of the whole run, as MLX and PyTorch "
            f"count it. {torch_versions()}",
            "",
            "| side | settings | what they are |",
            "|---|---|---|",
            *(f"| {side} | {name} | {sentence} |" for (side, name), sentence in SETTINGS.items()),
            "",
            "| case | side | settings | tokens/s | ms a step | peak GB |",
            "|---|---|---|---|---|---|",
            *self.rows,
            *(["", "| of Hone's step | ms | peak GB |", "|---|---|---|", *self.profile] if self.profile else []),
            *(["", BOUNDED, "", *LIMITS_HEAD, *self.limits] if self.limits else []),
            *(["", *self.notes] if self.notes else []),
            "",
        ]
        RESULTS.write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
